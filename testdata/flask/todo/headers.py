"""Tells browsers what pages may do."""

HEADERS = {
    "Content-Security-Policy":
        "default-src 'none'; style-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def harden(app):
    """Sends the headers with every answer."""

    @app.after_request
    def add(response):
        response.headers.update(HEADERS)
        return response
