//! `gem-live devices`: what is connected, and whether it can be used.

mod cameras;

use super::failure::Failure;
use gem_live::engine::cpu::Isa;
use gem_live::engine::cuda;
use std::process::ExitCode;

/// Show the cameras and what they lack, and the graphics cards and why each is or is not used.
#[derive(clap::Args)]
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

/// One line for every card, or one on why there is none.
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
        let use_of = match &c.unusable {
            Some(why) => format!("not used: {why}"),
            None if std::mem::take(&mut first) => "used".into(),
            None => format!("not used: --gpu {} takes it", c.ordinal),
        };
        format!(
            "CUDA device {}: {}, compute capability {major}.{minor}, {free} of {} MiB free; {use_of}\n",
            c.ordinal,
            c.name,
            mib(c.total_bytes)
        )
    };
    cards.iter().map(line).collect()
}
