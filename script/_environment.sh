# Sourced by script/demo and script/test: finds a Python, makes .venv and shows progress while something runs.
# shellcheck shell=bash

children=() # the processes to end with this script, the last to start last

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Ends what this script started, and waits for it.
end_children() {
    local child
    for child in "${children[@]}"; do kill -TERM "$child" 2>/dev/null || true; done
    for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
    children=()
}

# step "What is done" log command…: runs it with a dot every two seconds; its output is shown only if it fails.
step() {
    local words=$1 log=$2 began=$SECONDS status=0 child
    shift 2
    printf '%s ' "$words"
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    children+=("$child")
    while kill -0 "$child" 2>/dev/null; do
        # In the background and waited for, so that Ctrl-C and SIGTERM are heard at once.
        sleep 0.2 &
        wait $! || true
        ((++ticks % 10)) || printf '.'
    done
    wait "$child" || status=$?
    unset 'children[-1]'
    if ((status)); then
        printf ' failed.\n'
        cat "$log" >&2
        exit "$status"
    fi
    printf ' %s s\n' "$((SECONDS - began))"
}
ticks=0

find_python() {
    local name
    for name in python3.11 python3.12 python3.13 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            "$name" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
                fail "$name cannot make environments. On Debian: apt-get install python3-venv"
            printf '%s' "$name"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and was not found."
}

# need_environment runtime|dev: makes .venv with what that list of requirements names, unless it stands there already.
need_environment() {
    local list=$1 file=requirements.txt python
    [[ $list == dev ]] && file=requirements-dev.txt
    if .venv/bin/python -c '' 2>/dev/null && cmp -s requirements.txt .venv/.runtime; then
        if [[ $list == runtime ]] || cmp -s requirements-dev.txt .venv/.dev; then return; fi
    fi
    python=$(find_python) || exit 1
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        step "Making .venv with $python" "$logs/venv.log" "$python" -m venv --clear .venv
    rm -f .venv/.runtime .venv/.dev
    # Bytecode is written by whoever first needs a module: compiling all of it here would take a third longer.
    step "Installing packages" "$logs/install.log" .venv/bin/python -m pip install --disable-pip-version-check --no-input \
        --no-compile --only-binary=:all: --requirement "$file"
    cp requirements.txt .venv/.runtime
    [[ $list == dev ]] && cp requirements-dev.txt .venv/.dev
    return 0
}
