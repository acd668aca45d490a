"""Pictures of cases: slices and surfaces with what each variant outlines."""
