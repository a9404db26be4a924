from django.apps import AppConfig
from django.core.checks import Tags, register

from tokenportal.sandbox import checks


class SandboxConfig(AppConfig):
    name = "tokenportal.sandbox"
    label = "sandbox"
    verbose_name = "Cloudflare sandbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        register(checks.refused_in_production, Tags.security, deploy=True)
