"""An imitation of Cloudflare's API, so that the portal runs, teaches and is tested without an account.

It shares no code and no tables with the portal, on purpose: if both compiled and judged policies with one function, a wrong
compile would meet an equally wrong check. Nothing here imports the portal, and nothing in the portal imports this.
"""
