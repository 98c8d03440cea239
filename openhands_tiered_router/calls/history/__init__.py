"""Making a message history acceptable to another model."""
