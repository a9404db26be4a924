"""What a team's template asks for beyond what every token needs."""

from tokenportal.policy.required import FIELDS, missing
from tokenportal.policy.spec import ClientIPs, TokenSpec, Validity


def test_each_required_field_is_missed_until_it_is_given() -> None:
    bare = TokenSpec(validity=Validity(lifetime="never"), client_ips=ClientIPs(allow=(" ",)))
    assert [(problem.section, problem.field, problem.missing) for problem in missing(bare, FIELDS)] == [
        ("purpose", "purpose", True), ("restrictions", "allow", True), ("restrictions", "until", True),
    ]  # fmt: skip
    whole = TokenSpec(purpose="A job", client_ips=ClientIPs(allow=("192.0.2.0/24",)))
    assert missing(whole, FIELDS) == ()
    assert [missing(bare, [field])[0].field for field in ("end", "purpose")] == ["until", "purpose"]
    assert missing(bare, ["something else"]) == ()
