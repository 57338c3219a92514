//! The command line: one file per subcommand.

#[macro_use]
mod output;
mod outputs;

mod adapt;
mod align;
mod bench;
mod bench_sparse;
mod common;
mod completions;
mod consistency;
mod contact_sheet;
mod deblur;
mod demo;
mod devices;
mod export;
mod export_weights;
mod failure;
mod film;
mod filters;
mod gpu_check;
mod headless;
mod import;
mod infer;
mod interrupt;
mod live;
mod logging;
mod losses;
mod man;
mod profile;
mod progress;
mod record;
mod soak;
mod sources;
mod synth;
mod test;
mod train;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use gem_live::program;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Remove motion blur from a live camera with the help of an event camera.
#[derive(Parser)]
#[command(name = "gem-live", version, about, args_conflicts_with_subcommands = true)]
#[command(max_term_width = 100)]
#[command(after_help = "\
Examples:
  gem-live                                  show the built-in clip in the window
  gem-live --source davis                   deblur a connected DAVIS camera
  gem-live deblur RECORDING --out IMAGES    restore a recording to PNG images

Exit status: 0 if everything was done, 1 if something failed or nothing was made, 2 for wrong
arguments, 130 if it was interrupted. A closed pipe does not stop the work.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Also print the log: -v, -vv with details, -vvv with the duration of every stage.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// The options of `live`, used when no subcommand is given.
    #[command(flatten)]
    live: live::Live,
}

#[derive(Subcommand)]
enum Command {
    Align(align::Align),
    Adapt(adapt::Adapt),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Deblur(deblur::Deblur),
    #[command(alias = "cameras", visible_alias = "doctor")]
    Devices(devices::Devices),
    Export(export::Export),
    ExportWeights(export_weights::ExportWeights),
    #[command(hide = true)]
    GpuCheck(gpu_check::GpuCheck),
    Import(import::Import),
    Infer(infer::Infer),
    Live(live::Live),
    #[command(hide = true)]
    Man(man::Man),
    Record(record::Record),
    Soak(soak::Soak),
    Synth(synth::Synth),
    Test(test::Test),
    Train(train::Train),
}

/// Parses the arguments and runs the subcommand.
pub(crate) fn run() -> ExitCode {
    let Arguments { command, verbose, live } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help) => return print_help(&help),
    };
    // The log is complete when this is dropped.
    let _log = logging::start(verbose);
    interrupt::install();
    let command = command.unwrap_or(Command::Live(live));
    let result = match command {
        Command::Align(align) => align.run(),
        Command::Adapt(adapt) => adapt.run(),
        Command::Bench(bench) => bench.run(),
        Command::Completions(completions) => completions.run(Arguments::command()),
        Command::Deblur(deblur) => deblur.run(),
        Command::Devices(devices) => devices.run(),
        Command::Export(export) => export.run(),
        Command::ExportWeights(export) => export.run(),
        Command::GpuCheck(check) => check.run(),
        Command::Import(import) => import.run(),
        Command::Infer(infer) => infer.run(),
        Command::Live(live) => live.run(),
        Command::Man(man) => man.run(Arguments::command()),
        Command::Record(record) => record.run(),
        Command::Soak(soak) => soak.run(),
        Command::Synth(synth) => synth.run(),
        Command::Test(test) => test.run(),
        Command::Train(train) => train.run(),
    };
    let code = match result {
        Ok(code) => code,
        Err(failure) => {
            tracing::error!("{failure}");
            eprintln!("gem-live: {}", program::in_advice(&failure.to_string()));
            ExitCode::FAILURE
        }
    };
    interrupt::status(output::status(code))
}

/// The path of a recording that was given in the place of a command.
fn misplaced(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidSubcommand)? {
        ContextValue::String(path) if Path::new(path).exists() => Some(path),
        _ => None,
    }
}

/// Prints the help, the version, or what is wrong with the arguments.
fn print_help(help: &clap::Error) -> ExitCode {
    if help.use_stderr() {
        // There is no place to report a failure.
        let _ = help.print();
        if let Some(path) = misplaced(help) {
            let (program, path) = (program::command(), program::quoted(path));
            eprintln!(
                "\n{path} is a file or folder: to play it, use {program} --source replay:{path}; to \
                 restore it, {program} deblur {path} --out IMAGES"
            );
        }
        return ExitCode::from(2);
    }
    let styled = std::io::stdout().is_terminal();
    match styled {
        true => print!("{}", help.render().ansi()),
        false => print!("{}", help.render()),
    }
    output::status(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_knows_every_subcommand() {
        let arguments = Arguments::command();
        let visible = arguments.get_subcommands().filter(|command| !command.is_hide_set());
        for command in visible {
            for name in std::iter::once(command.get_name()).chain(command.get_visible_aliases()) {
                assert!(program::SUBCOMMANDS.contains(&name), "{name}");
            }
        }
    }
}
