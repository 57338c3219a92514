//! `gem-live devices`: lists connected devices and whether they are usable.

mod bundle;
mod cameras;
mod redact;

use super::failure::Failure;
use super::logging;
use gem_live::camera::host_check::UDEV_RULE;
use gem_live::engine::cpu::Isa;
use gem_live::engine::cuda;
use gem_live::program;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

/// List cameras, CUDA devices and other graphics devices, and what is missing to use them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live devices
  gem-live doctor --bundle report.zip    versions, devices, settings and logs in one file
  gem-live devices --udev-rule           the udev rule for event cameras and USB3 cameras
  gem-live live --gpu 1                  use the CUDA device with index 1")]
pub(crate) struct Devices {
    /// Write this report, versions, settings and the last logs to a zip file, to be sent with a
    /// question. It has no pictures, and names of files are removed.
    #[arg(long, value_name = "OUT.zip")]
    bundle: Option<PathBuf>,
    /// Only print the udev rule that lets users of this computer open their cameras.
    #[arg(long, conflicts_with = "bundle")]
    udev_rule: bool,
}

impl Devices {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        if self.udev_rule {
            print!("{UDEV_RULE}");
            return Ok(ExitCode::SUCCESS);
        }
        let report = cameras::report() + &cards() + &graphics() + &computer();
        print!("{}", program::in_advice(&report));
        if let Some(path) = &self.bundle {
            bundle::write(path, &report)?;
            println!("written: {}", path.display());
        }
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

/// What else the program uses: the processor, ffmpeg, the window, and where the logs are.
fn computer() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let isa = Isa::available().first().copied().unwrap_or(Isa::Portable);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ffmpeg = match ffmpeg.status() {
        Ok(status) if status.success() => "ffmpeg: installed",
        _ => "missing: ffmpeg, with which `gem-live synth` reads videos: install it",
    };
    let window = match cfg!(feature = "app") {
        true => "window: built in",
        false => "missing: the window: build with `--features app`",
    };
    let logs = logging::folder().map_or("nowhere".into(), |f| f.display().to_string());
    format!(
        "processor: {threads} threads, {isa:?} instructions\n{ffmpeg}\n{window}\nlogs: {logs}\n"
    )
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
