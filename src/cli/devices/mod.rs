//! `gem-live devices`: lists connected devices and whether they are usable.

mod cameras;

use super::failure::Failure;
use gem_live::engine::cpu::Isa;
use gem_live::engine::cuda;
use std::process::ExitCode;

/// List cameras and CUDA devices, and what is missing to use them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live devices
  gem-live live --gpu 1    use the CUDA device with index 1")]
pub(crate) struct Devices {}

impl Devices {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        print!("{}", super::devices::cameras::report());
        print!("{}", cards());
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let isa = Isa::available().first().copied().unwrap_or(Isa::Portable);
        println!("processor: {threads} threads, {isa:?} instructions");
        Ok(ExitCode::SUCCESS)
    }
}

/// One line per CUDA device, or one line with the reason why there is none.
fn cards() -> String {
    let cards = match cuda::devices() {
        Ok(cards) => cards,
        Err(why) => return format!("no CUDA device: {why}\n"),
    };
    let mib = |bytes: usize| bytes >> 20;
    let mut first = true;
    let line = |c: &cuda::DeviceInfo| {
        let (major, minor) = c.capability;
        let free = c.free_bytes.map_or("unknown".into(), |b| format!("{} MiB", mib(b)));
        let status = match &c.unusable {
            Some(why) => format!("not used: {why}"),
            None if std::mem::take(&mut first) => "used".into(),
            None => format!("not used: select it with --gpu {}", c.ordinal),
        };
        format!(
            "CUDA device {}: {}, compute capability {major}.{minor}, {free} of {} MiB free; {status}\n",
            c.ordinal,
            c.name,
            mib(c.total_bytes)
        )
    };
    cards.iter().map(line).collect()
}
