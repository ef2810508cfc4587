"""The refusals Stripe gives, each with its status, type, code and message."""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """Answer the request with this status and error body instead of an object."""

    def __init__(self, status: int, error_type: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error: Json = {"type": error_type, "message": message}
        self.error.update({name: value for name, value in details.items() if value is not None})
        if "code" in self.error:
            self.error["doc_url"] = "https://docs.stripe.com/error-codes#" + str(self.error["code"]).replace("_", "-")

    @property
    def body(self) -> Json:
        """Give the body of the answer."""
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Refuse a request whose content is wrong (400)."""
    return ApiError(400, "invalid_request_error", message, param=param, code=code)


def missing_parameter(param: str) -> ApiError:
    """Refuse a request that lacks a required parameter (400)."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def unknown_parameter(param: str) -> ApiError:
    """Refuse a parameter this endpoint does not have (400)."""
    return invalid(f"Received unknown parameter: {param}", param=param, code="parameter_unknown")


def missing_resource(noun: str, identity: str, *, param: str = "id", in_path: bool = False) -> ApiError:
    """Refuse an id nobody has: 404 when it is the address itself, 400 when another object names it."""
    message = f"No such {noun}: '{identity}'"
    status = 404 if in_path else 400
    return ApiError(status, "invalid_request_error", message, param=param, code="resource_missing")


def unauthorized(message: str) -> ApiError:
    """Refuse a request without a key that could be one (401)."""
    return ApiError(401, "invalid_request_error", message)


def unknown_address(method: str, path: str) -> ApiError:
    """Refuse an address the API, or this stand-in, does not have (404)."""
    return ApiError(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")


def key_in_use(key: str) -> ApiError:
    """Refuse a second request while the first with the same key is still running (409)."""
    message = f"There is currently another in-progress request using this Idempotent Key ({key}). Please try again in a moment."
    return ApiError(409, "invalid_request_error", message, code="idempotency_key_in_use")


def key_reused(message: str) -> ApiError:
    """Refuse a key that was first used for something else (400)."""
    return ApiError(400, "idempotency_error", message)


def rate_limited() -> ApiError:
    """Refuse a request because there were too many (429)."""
    return ApiError(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")


def broken() -> ApiError:
    """Fail for a reason that is Stripe's own (500)."""
    return ApiError(500, "api_error", "An unknown error occurred.")
