"""Token Portal: Cloudflare API tokens, drafted together, created once, audited."""
