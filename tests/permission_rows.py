"""The route inventory: who may open what, stated by hand. A route without a row here is a red test.

One row for each method of each rule: `Row(endpoint, method, path, allowed)`.

- `path` is what a browser asks for; `lambda cast: f"/clients/{cast.cleo_id}"` when it needs an id, with an id of the cast or
  999999 when the cast has none (those who are allowed then get 404, which is not 403).
- `allowed` is written out with the sets below, from what rulebook section 0 says of each role, and never read from `RIGHTS`:
  a table copied from the code could not fail.
- One list per blueprint, named after it, in the order of `BLUEPRINTS`; add the list to `ROWS` at the foot.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.cast import Cast

OLGA, PAT, FAY, BILL = "olga", "pat", "fay", "bill"  # owner, practitioner, front desk, biller
EVERYONE = frozenset({"stranger", OLGA, PAT, FAY, BILL})  # public: no sign-in needed
STAFF = frozenset({OLGA, PAT, FAY, BILL})
OWNER = frozenset({OLGA})
DAILY_WORK = frozenset({OLGA, PAT, FAY})  # all but the biller
MONEY_BACK = frozenset({OLGA, BILL})  # refunds and write-offs
NIGHT = frozenset({OLGA, FAY, BILL})  # all but the practitioner


@dataclass(frozen=True)
class Row:
    """State who may use one method of one rule."""

    endpoint: str
    method: str
    path: str | Callable[[Cast], str]
    allowed: frozenset[str]

    def address(self, cast: Cast) -> str:
        """Return the path with the cast's ids in it."""
        return self.path if isinstance(self.path, str) else self.path(cast)


ACCOUNT = [
    Row("account.show", "GET", "/account/", STAFF),
    Row("account.change_password", "GET", "/account/password", STAFF),
    Row("account.change_password", "POST", "/account/password", STAFF),
    Row("account.end_session", "GET", "/account/sessions/999999/end", STAFF),
    Row("account.end_session", "POST", "/account/sessions/999999/end", STAFF),
    Row("account.end_other_sessions", "GET", "/account/sessions/end-others", STAFF),
    Row("account.end_other_sessions", "POST", "/account/sessions/end-others", STAFF),
]
ASSETS = [Row("assets.static_file", "GET", "/static/0000000000/clinic.css", EVERYONE)]
AUTH = [
    Row("auth.sign_in", "GET", "/sign-in", EVERYONE),
    Row("auth.sign_in", "POST", "/sign-in", EVERYONE),
    Row("auth.sign_out", "POST", "/sign-out", STAFF),
]
HEALTH = [Row("health.healthz", "GET", "/healthz", EVERYONE)]
SETUP = [
    # The cast has a practice, so everyone gets 404: whoever they are.
    Row("setup.setup", "GET", "/setup", EVERYONE),
    Row("setup.setup", "POST", "/setup", EVERYONE),
]

ROWS: list[Row] = [*ACCOUNT, *ASSETS, *AUTH, *HEALTH, *SETUP]
