//! Dialogs of the window.

mod alignment_dialog;
mod alignment_run;
pub(crate) mod alignment_state;
pub(crate) mod export_dialog;
pub(crate) mod export_state;
pub(crate) mod file_dialog;
pub(crate) mod help_dialog;
pub(crate) mod source_dialog;
