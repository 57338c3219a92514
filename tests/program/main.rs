//! The program as a user runs it: commands, exit codes and the window.

#[path = "../common/mod.rs"]
mod common;
#[path = "../recordings/mod.rs"]
mod recordings;

mod bad_data;
mod cli;
mod commands;
mod ends;
mod host;
mod loader;
mod train_kill;
mod window;
