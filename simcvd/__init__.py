"""SimCVD: semi-supervised 3D medical image segmentation, and the method's own training loop."""

__version__ = "0.1.0"
