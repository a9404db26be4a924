"""Name filters with Cloudflare's operators, such as `contains:.org`."""

from django.db.models import Q

OPERATORS = {
    "equal": "iexact",
    "not_equal": "iexact",
    "starts_with": "istartswith",
    "ends_with": "iendswith",
    "contains": "icontains",
    "starts_with_case_sensitive": "startswith",
    "ends_with_case_sensitive": "endswith",
    "contains_case_sensitive": "contains",
}


def text_filter(column: str, text: str) -> Q:
    """The filter that `text` asks for: an operator and a value, or a plain value, which must be equal."""
    operator, colon, value = text.partition(":")
    if not colon or operator not in OPERATORS:
        operator, value = "equal", text
    found = Q(**{f"{column}__{OPERATORS[operator]}": value})
    return ~found if operator == "not_equal" else found
