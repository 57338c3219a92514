//! The window's behaviour, without a screen.
