"""Between the OpenHands SDK's types and the engine's. Imports the SDK."""
