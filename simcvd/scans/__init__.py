"""Scans as files hold them: reading, orientation, voxel size, intensities, and the way back."""
