"""`type: image`, pictures as their files' bytes."""
