"""What routing cost and saved, from the record: figures, page and live view."""
