"""Logs and error reports that cannot carry a secret."""

import logging
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

from tokenportal import visible
from tokenportal.secret import scrub


class ScrubFilter(logging.Filter):
    """Cleans the message before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = scrub(record.getMessage())
        record.args = None
        return True


class ScrubFormatter(logging.Formatter):
    """Cleans the finished line too: a traceback is added after the filters have run. What a terminal obeys is shown instead."""

    def format(self, record: logging.LogRecord) -> str:
        return visible.in_page(scrub(super().format(record)))


class NothingInReports(SafeExceptionReporterFilter):
    """Error reports name the place of an error, never the values that were there."""

    def get_post_parameters(self, request: Any) -> dict[str, str]:
        return {}

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        return []

    def get_safe_settings(self) -> dict[str, Any]:
        return {}

    def get_safe_request_meta(self, request: Any) -> dict[str, Any]:
        return {}

    def get_safe_cookies(self, request: Any) -> dict[str, Any]:
        return {}
