"""Settings, all from the environment; .env.example lists every one.

TOKENPORTAL_MODE is ``production`` (the default), ``demo`` or ``test``. Production refuses to start, in one line,
when something is missing that it cannot do safely without.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from django.utils.csp import CSP

from tokenportal import keys
from tokenportal.environment import env, env_flag, env_list, env_number, refuse

BASE_DIR = Path(__file__).resolve().parent.parent

# The mode, and where this installation keeps its state

MODE = env("TOKENPORTAL_MODE", "production")
if MODE not in {"production", "demo", "test"}:
    refuse(f"TOKENPORTAL_MODE is production, demo or test, not {MODE!r}.")
PRODUCTION = MODE == "production"
STATE_DIR = BASE_DIR / "var" / MODE
if not PRODUCTION:
    STATE_DIR.mkdir(parents=True, exist_ok=True)
if PRODUCTION and env_flag("DEBUG"):
    refuse("DEBUG is set. Take it out: pages with tracebacks show credentials.")
DEBUG = False

KEYS_DIR = Path(env("KEYS_DIR", str(STATE_DIR / "keys")))
MAKING_KEYS = len(sys.argv) > 1 and sys.argv[1] == "make_keys"
KEYS_ARE_MADE_ON_DEMAND = not PRODUCTION
CHECKPOINTS_FILE = Path(env("CHECKPOINTS_FILE", str(KEYS_DIR.parent / "checkpoints.jsonl")))
if MAKING_KEYS:
    SECRET_KEY = "only for the command that makes the keys"  # noqa: S105
else:
    try:
        for name in keys.NAMES if PRODUCTION else ():
            keys.load(KEYS_DIR, name)
        django_keys = keys.load_or_make(KEYS_DIR, "django") if KEYS_ARE_MADE_ON_DEMAND else keys.load(KEYS_DIR, "django")
    except keys.KeyMissing as error:
        refuse(f"{error} Make the keys with: manage.py make_keys {KEYS_DIR}")
    SECRET_KEY = django_keys.current_key.hex()
    SECRET_KEY_FALLBACKS = [key.hex() for key_id, key in django_keys.keys.items() if key_id != django_keys.current]

# Where people reach the portal

PUBLIC_ORIGIN = env("PUBLIC_ORIGIN", "" if PRODUCTION else f"http://127.0.0.1:{env('PORT', '8000')}").rstrip("/")
origin = urlsplit(PUBLIC_ORIGIN)
if PRODUCTION and not MAKING_KEYS and (origin.scheme != "https" or not origin.hostname or origin.path):
    refuse("PUBLIC_ORIGIN is the https address that people open, such as https://tokens.example.com.")
HTTPS = origin.scheme == "https"
ALLOWED_HOSTS = [origin.hostname or "localhost"] + ([] if PRODUCTION else ["127.0.0.1", "localhost", "testserver"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_ORIGIN] if PUBLIC_ORIGIN else []
TRUSTED_PROXIES = env_list("TRUSTED_PROXIES")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

# Cloudflare, or the embedded imitation of it

CLOUDFLARE_API_BASE_URL = env("CLOUDFLARE_API_BASE_URL").rstrip("/")
ALLOW_LOOPBACK_UPSTREAM = env_flag("ALLOW_LOOPBACK_UPSTREAM")
SANDBOX = not PRODUCTION and not CLOUDFLARE_API_BASE_URL
if SANDBOX:
    # A name that can never resolve: a slip cannot send a credential anywhere.
    CLOUDFLARE_API_BASE_URL = "https://sandbox.invalid/client/v4"
    UPSTREAM_TRANSPORT = "tokenportal.sandbox.transport.SandboxAdapter"
    PUBLIC_API_BASE_URL = f"{PUBLIC_ORIGIN}/sandbox/client/v4"
else:
    CLOUDFLARE_API_BASE_URL = CLOUDFLARE_API_BASE_URL or "https://api.cloudflare.com/client/v4"
    UPSTREAM_TRANSPORT = ""
    PUBLIC_API_BASE_URL = CLOUDFLARE_API_BASE_URL
upstream = urlsplit(CLOUDFLARE_API_BASE_URL)
LOOPBACK = upstream.hostname in {"127.0.0.1", "::1", "localhost"}
if upstream.username or upstream.query or upstream.fragment or not upstream.hostname:
    refuse("CLOUDFLARE_API_BASE_URL is a plain address, such as https://api.cloudflare.com/client/v4.")
if upstream.scheme != "https" and not (upstream.scheme == "http" and LOOPBACK and ALLOW_LOOPBACK_UPSTREAM):
    refuse("CLOUDFLARE_API_BASE_URL starts with https. Plain http works to this machine only, with ALLOW_LOOPBACK_UPSTREAM=1.")

UPSTREAM_DEADLINE_SECONDS = env_number("UPSTREAM_DEADLINE_SECONDS", 15)
SETTLE_WINDOW_SECONDS = env_number("SETTLE_WINDOW_SECONDS", 120)
SYNC_INTERVAL_SECONDS = env_number("SYNC_INTERVAL_SECONDS", 900)
REVIEW_EXPIRES_SECONDS = env_number("REVIEW_EXPIRES_SECONDS", 14 * 24 * 3600)
APPROVAL_LAPSES_SECONDS = env_number("APPROVAL_LAPSES_SECONDS", 7 * 24 * 3600)
UPSTREAM_BUDGET_CALLS = env_number("UPSTREAM_BUDGET_CALLS", 900)
UPSTREAM_BUDGET_SECONDS = env_number("UPSTREAM_BUDGET_SECONDS", 300)
UPSTREAM_BREAKER_FAILURES = env_number("UPSTREAM_BREAKER_FAILURES", 5)
UPSTREAM_BREAKER_SECONDS = env_number("UPSTREAM_BREAKER_SECONDS", 30)
FRESH_SIGN_IN_SECONDS = env_number("FRESH_SIGN_IN_SECONDS", 600)
WORK_INTERVAL_SECONDS = env_number("WORK_INTERVAL_SECONDS", 15)
CHECKPOINT_INTERVAL_SECONDS = env_number("CHECKPOINT_INTERVAL_SECONDS", 300)
VERIFY_INTERVAL_SECONDS = env_number("VERIFY_INTERVAL_SECONDS", 300)

# Mail: reminders that a token ends. Without a host they stand in the portal only.

mail_host, mail_port = env("EMAIL_HOST"), env_number("EMAIL_PORT", 587)
mail_password, mail_over_tls = env("EMAIL_HOST_PASSWORD"), env_flag("EMAIL_USE_TLS", "1")
if mail_password and not mail_over_tls and mail_host not in {"127.0.0.1", "::1", "localhost"}:
    refuse("EMAIL_HOST_PASSWORD would leave in the open. Take EMAIL_USE_TLS=0 out.")
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", f"token-portal@{origin.hostname or 'localhost'}")
SENDS_MAIL = bool(mail_host) or not PRODUCTION
if mail_host:
    mailer = {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": mail_host, "port": mail_port, "username": env("EMAIL_HOST_USER"), "password": mail_password,
            # Port 465 speaks TLS from its first byte; elsewhere STARTTLS begins it.
            "use_tls": mail_over_tls and mail_port != 465, "use_ssl": mail_over_tls and mail_port == 465, "timeout": 10,
        },
    }  # fmt: skip
else:
    backend = "dummy" if PRODUCTION else "filebased"
    mailer = {
        "BACKEND": f"django.core.mail.backends.{backend}.EmailBackend",
        "OPTIONS": {} if PRODUCTION else {"file_path": str(STATE_DIR / "mail")},
    }
MAILERS = {"default": mailer}

# Django

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "lucide",
    "django_htmx",
    "tokenportal",
]
if SANDBOX:
    INSTALLED_APPS.append("tokenportal.sandbox")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tokenportal.middleware.CompressionMiddleware",
    "tokenportal.middleware.VisibleMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "tokenportal.middleware.LenientSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tokenportal.middleware.SignInMiddleware",
    "tokenportal.middleware.FirstStepsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tokenportal.middleware.OriginMiddleware",
    "tokenportal.middleware.NothingIsCachedMiddleware",
]

ROOT_URLCONF = "tokenportal.urls"
WSGI_APPLICATION = "tokenportal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tokenportal.views.chrome.chrome",
            ],
            "builtins": ["tokenportal.templatetags.portal", "lucide.templatetags.lucide"],
        },
    }
]

DATABASE_URL = env("DATABASE_URL", "" if PRODUCTION else f"sqlite:///{STATE_DIR / 'portal.sqlite3'}")
if not DATABASE_URL and not MAKING_KEYS:
    refuse("DATABASE_URL is missing, such as postgres://portal@localhost/portal.")
DATABASES = {"default": dj_database_url.parse(DATABASE_URL or "sqlite://:memory:")}
database, lock_seconds = DATABASES["default"], env_number("DATABASE_LOCK_SECONDS", 10)
if database["ENGINE"].endswith("sqlite3"):
    # Deferred transactions let a second writer fail at its first write; immediate ones make it wait its turn.
    database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": lock_seconds,
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout={lock_seconds * 1000};",
    }
    # A file, because threads of a live server cannot share a database in memory.
    database["TEST"] = {"NAME": str(STATE_DIR / "test.sqlite3")}
else:
    database["CONN_MAX_AGE"] = 0 if MODE == "test" else 60  # threads of a test server would keep the test database busy
    database["CONN_HEALTH_CHECKS"] = True
    options = database.setdefault("OPTIONS", {})
    options["options"] = f"{options.get('options', '')} -c lock_timeout={lock_seconds}s".strip()

# Each chosen zone is a field of the builder's form; Django's own limit would refuse a draft of a thousand zones as a whole.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

AUTH_USER_MODEL = "tokenportal.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
hashers = ["MD5PasswordHasher"] if MODE == "test" else ["Argon2PasswordHasher", "PBKDF2PasswordHasher"]
PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{hasher}" for hasher in hashers]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "email"]},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "tokens"

SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "tokenportal.views.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_SSL_REDIRECT = False
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else STATE_DIR / "static"
if not PRODUCTION:
    STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns where it is missing
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = MODE == "test"
WHITENOISE_AUTOREFRESH = MODE == "test"  # else each of the thousands of clients of the tests would read all files anew
# Compressed beforehand, under names that hold a hash of the content and may be cached for good.
COLLECTED = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if MODE != "test":
    STORAGES = COLLECTED

# Whether sub-domains and browsers' preload lists belong to this is for whoever owns the domain; TLS and its redirect
# are the reverse proxy's. Without a mail server nothing is mailed, on purpose: reminders stand in the portal.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021", *([] if mail_host else ["mail.E001"])]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scrub": {"()": "tokenportal.logs.ScrubFilter"}},
    "formatters": {
        "line": {"()": "tokenportal.logs.ScrubFormatter", "format": "{asctime} {levelname} {name} {message}", "style": "{"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "tokenportal": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
DEFAULT_EXCEPTION_REPORTER_FILTER = "tokenportal.logs.NothingInReports"
