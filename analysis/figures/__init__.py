"""Figures for papers: typed data in, a matplotlib figure out; one file a figure, written as PDF, SVG and PNG."""
