"""The page where auditors and admins take an evidence pack, and the pack itself."""

from datetime import timedelta

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_http_methods

from tokenportal import clock, rules
from tokenportal.actions import evidence
from tokenportal.actions.evidence_rows import Period
from tokenportal.forms.evidence import EvidenceForm
from tokenportal.views import access
from tokenportal.views.answers import answers
from tokenportal.views.htmx import render_page

USUAL_DAYS = 365


@answers
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponseBase:
    user = access.person(request)
    rules.require(rules.may_read_audit(user))
    posted = request.method == "POST"
    usual = {"first": clock.now().date() - timedelta(days=USUAL_DAYS)}
    form = EvidenceForm(request.POST if posted else None, initial=usual)
    if posted and form.is_valid():
        contents = evidence.begin(by=user, period=Period(**form.cleaned_data))
        headers = {"Content-Disposition": f'attachment; filename="{contents.name}.zip"'}
        return StreamingHttpResponse(evidence.pieces(contents), content_type="application/zip", headers=headers)
    return render_page(request, "audit/evidence.html", {"form": form, "tab": "evidence"}, status=422 if posted else 200)
