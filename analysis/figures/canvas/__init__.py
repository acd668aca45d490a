"""What all figures share: pages, scales, styles, saving."""
