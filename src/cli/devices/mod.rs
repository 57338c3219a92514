//! `gem-live devices`: lists connected devices and whether they are usable.

mod cameras;

use super::failure::Failure;
use gem_live::engine::cpu::Isa;
use gem_live::engine::cuda;
use std::process::ExitCode;

/// List cameras, CUDA devices and other graphics devices, and what is missing to use them.
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
        print!("{}", graphics());
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let isa = Isa::available().first().copied().unwrap_or(Isa::Portable);
        println!("processor: {threads} threads, {isa:?} instructions");
        Ok(ExitCode::SUCCESS)
    }
}

/// One line per wgpu device, or one line with the reason why there is none.
#[cfg(feature = "wgpu")]
fn graphics() -> String {
    use gem_live::engine::wgpu::{AdapterInfo, DeviceKind, adapters};
    let line = |a: &AdapterInfo| {
        let status = match (&a.unusable, a.kind) {
            (Some(why), _) => format!("not used: {why}"),
            (None, DeviceKind::Software) => "software, used only with --engine wgpu".to_owned(),
            (None, _) => "used by --engine auto if faster than the CPU".to_owned(),
        };
        let half = if a.half { "half" } else { "single" };
        let (ordinal, name, mib) = (a.ordinal, &a.name, a.binding_bytes >> 20);
        format!(
            "wgpu device {ordinal}: {name}, {half} precision, buffers up to {mib} MiB; {status}\n"
        )
    };
    match adapters() {
        Ok(all) => all.iter().map(line).collect(),
        Err(why) => format!("no wgpu device: {why}\n"),
    }
}

/// This program was built without the engine.
#[cfg(not(feature = "wgpu"))]
fn graphics() -> String {
    String::new()
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
