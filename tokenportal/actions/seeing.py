"""Who sees a request: what ``TokenRequest.objects.visible_to`` says of one person, asked of everybody at once."""

from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from tokenportal import clock
from tokenportal.models import Answer, Demand, LinkGuest, Membership, Review, ReviewAsked, Share, Status, TokenRequest, User

NOBODY = Q(pk__in=())


def who_sees(token_request: TokenRequest) -> QuerySet[User]:
    """All active people who see this request as it stands now, for a query of one's own."""
    found = Q(pk=token_request.requester_id)
    if token_request.status != Status.DISCARDED:
        found |= _given(token_request)
        found |= NOBODY if token_request.status == Status.DRAFT else _concerned(token_request)
    return User.objects.filter(found | (Q(is_admin=True) if token_request.alarm else NOBODY), is_active=True)


def _given(token_request: TokenRequest) -> Q:
    """Those with whom it is shared, as long as they are colleagues of its requester."""
    by_name = Share.objects.filter(token_request=token_request, user__isnull=False)
    with_teams = Membership.objects.filter(team__shares__token_request=token_request)
    by_link = LinkGuest.objects.filter(
        link__token_request=token_request, link__revoked_at=None, link__expires_at__gt=clock.now()
    )  # fmt: skip
    given = (Q(pk__in=rows.order_by().values("user")) for rows in (by_name, with_teams, by_link))
    return reduce(or_, given) & Q(
        pk__in=Membership.objects.filter(team__memberships__user=token_request.requester_id).values("user")
    )


def _concerned(token_request: TokenRequest) -> Q:
    """Once it is no draft any more: its team, auditors and admins, and those who review it."""
    of_team = Membership.objects.filter(team=token_request.team_id)
    live = {"review__token_request": token_request, "review__outcome__in": Review.LIVE}
    for_teams = Demand.objects.filter(**live).order_by().values("team")
    approves = Q(pk__in=Membership.objects.filter(team__in=for_teams, is_approver=True).values("user"))
    if token_request.status in (Status.IN_REVIEW, Status.APPROVED):
        reviews = approves | Q(pk__in=ReviewAsked.objects.filter(**live).values("user"))
    else:
        reviews = approves & Q(pk__in=Answer.objects.filter(**live).order_by().values("by"))
    return Q(is_admin=True) | Q(is_auditor=True) | Q(pk__in=of_team.values("user")) | reviews
