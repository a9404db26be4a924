"""What an answer's headers say about the calls that come after it."""

from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from tokenportal import clock
from tokenportal.cloudflare import quiet

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, {}, 0),
        (200, {"Retry-After": "30"}, 0),
        (404, {"Retry-After": "30"}, 0),
        (429, {}, 300),
        (429, {"Retry-After": "30"}, 30),
        (429, {"retry-after": " 30 "}, 30),
        (429, {"Retry-After": "0"}, 1),
        (429, {"Retry-After": "86400"}, 900),
        (429, {"Retry-After": "9" * 40}, 300),
        (429, {"Retry-After": "-5"}, 300),
        (429, {"Retry-After": "soon"}, 300),
        (429, {"Retry-After": "Wed, 25 Nov 2026 12:01:30 GMT"}, 90),
        (429, {"Retry-After": "Wed, 25 Nov 2026 12:01:30 -0000"}, 90),
        (429, {"Retry-After": "Wed, 25 Nov 2026 11:00:00 GMT"}, 1),
        (429, {"Retry-After": "Wed, 25 Nov 2099 11:00:00 GMT"}, 900),
        (429, {"Retry-After": "Wed, 99 Nov 2026 12:01:30 GMT"}, 300),
        (429, {"Retry-After": "Wed, 25 Nov 99999 12:01:30 GMT"}, 300),
        (503, {"Retry-After": "20"}, 20),
        (503, {}, 0),
        (200, {"Ratelimit": '"default";r=50;t=30'}, 0),
        (200, {"Ratelimit": '"default";r=0;t=30'}, 30),
        (200, {"ratelimit": '"burst";r=0;t=2, "default";r=0;t=40, "other";r=7;t=600'}, 40),
        (200, {"Ratelimit": '"default"; r=0'}, 300),
        (200, {"Ratelimit": '"default";r=0;t=0'}, 1),
        (200, {"Ratelimit": '"default";r=00;t=99999999'}, 900),
        (200, {"Ratelimit": "nonsense"}, 0),
        (200, {"Ratelimit": '"default";r=-1;t=30'}, 0),
        (429, {"Ratelimit": '"default";r=0;t=30', "Retry-After": "60"}, 60),
        (429, {"Ratelimit": '"default";r=0;t=30'}, 30),
    ],
)
def test_cloudflare_is_left_alone_for_as_long_as_it_asks_and_no_longer_than_a_quarter_of_an_hour(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    with clock.at(NOON):
        assert quiet.asked_for(status, CaseInsensitiveDict(headers)) == seconds
