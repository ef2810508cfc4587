"""A made-up practice and the outside world it needs: what `script/demo` and the tests run against."""
