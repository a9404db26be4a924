"""The user behind a token, its memberships, and accounts."""

from tokenportal.sandbox import grants, groups, refusals, shapes
from tokenportal.sandbox.door import Incoming
from tokenportal.sandbox.envelope import Answer, paged
from tokenportal.sandbox.models import Account, Membership, User
from tokenportal.sandbox.search import text_filter

# The groups of which any one shows an account by its id (Cloudflare's OpenAPI, July 2026, without those the data file lacks).
SHOW_AN_ACCOUNT = (
    "Account Settings Read",
    "Account Settings Write",
    "Billing Read",
    "Billing Write",
    "Workers Scripts Read",
    "Workers Scripts Write",
    "Workers KV Storage Read",
    "Workers KV Storage Write",
    "Workers R2 Storage Read",
    "Workers R2 Storage Write",
    "Workers Tail Read",
)
LIST_ACCOUNTS = ("Account Settings Read", "Account Settings Write")


def user(call: Incoming) -> Answer:
    if call.token.user_id is None:
        raise refusals.unauthorized()
    wanted = groups.ids(groups.USER, "User Details Read", "User Details Write")
    call.require(wanted, grants.user(call.token.user_id))
    return Answer(shapes.user(User.objects.get(pk=call.token.user_id)))


def memberships(call: Incoming) -> Answer:
    if call.token.user_id is None:
        raise refusals.Refusal(403, 9106, "Account-owned tokens have no memberships.")
    wanted = groups.ids(groups.USER, "Memberships Read", "Memberships Write")
    call.require(wanted, grants.user(call.token.user_id))
    rows = Membership.objects.filter(user=call.token.user_id).select_related("account")
    for parameter in ("account.name", "name"):
        if text := call.query.get(parameter):
            rows = rows.filter(text_filter("account__name", text))
    if status := call.query.get("status"):
        rows = rows if status == "accepted" else rows.none()
    sign = "-" if call.query.get("direction") == "desc" else ""
    page, info = paged(rows.order_by(f"{sign}account__name", "pk"), call.query)
    return Answer([shapes.membership(row) for row in page], info)


def list_(call: Incoming) -> Answer:
    """Without rights the list is empty or shorter, not refused."""
    visible = call.grants.account_ids(groups.ids(groups.ACCOUNT, *LIST_ACCOUNTS))
    rows = Account.objects.filter(pk__in=visible)
    if text := call.query.get("name"):
        rows = rows.filter(text_filter("name", text))
    sign = "-" if call.query.get("direction") == "desc" else ""
    page, info = paged(rows.order_by(f"{sign}name"), call.query)
    return Answer([shapes.account(row) for row in page], info)


def get(call: Incoming, account_id: str) -> Answer:
    call.require(groups.ids(groups.ACCOUNT, *SHOW_AN_ACCOUNT), grants.account(account_id))
    return Answer(shapes.account(Account.objects.get(pk=account_id)))
