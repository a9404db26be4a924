from django.apps import AppConfig


class TokenPortalConfig(AppConfig):
    name = "tokenportal"
    verbose_name = "Token Portal"
    default_auto_field = "django.db.models.BigAutoField"
