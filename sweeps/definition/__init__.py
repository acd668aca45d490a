"""What a sweep file says, and the trials that follow."""
