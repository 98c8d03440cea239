"""Numbers for Prometheus: what the routers of this process do, and how they fare.

``serving.serve_metrics`` serves them; it needs the extra ``metrics``. What is counted
is in ``counters``, what is asked at a scrape in ``exposition``; a router notes whom to
ask in ``sources``, which costs it nothing.
"""
