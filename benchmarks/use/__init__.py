"""What users wait for, measured in processes of their own, of this build and of earlier ones."""
