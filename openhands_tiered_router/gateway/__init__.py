"""The LiteLLM proxy as a front: clients that speak HTTP get routed calls."""
