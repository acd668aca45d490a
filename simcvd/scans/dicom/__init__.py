"""DICOM: files, the planes they hold, series that make a volume, segmentations on their voxels."""
