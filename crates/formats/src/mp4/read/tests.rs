//! Files as others write them, and files that nobody should have written.
