"""What a task is worth, and what each choice of model does to that. Pure."""
