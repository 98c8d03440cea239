"""Fitting what decisions rest on to data; needs the extra ``calibrate``."""
