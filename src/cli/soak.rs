//! `gem-live soak`: the whole pipeline with a camera that keeps failing.

use super::common::minutes;
use super::failure::Failure;
use super::interrupt::Finishing;
use super::losses::list;
use gem_live::camera::testing::faults::{FaultCounts, FaultInjector, FaultPlan};
use gem_live::camera::{DropCause, DropUnit, Drops, StreamSettings};
use gem_live::live::{Parts, Pipeline, RigHandle, RigSource, pass_through};
use gem_live::rig::RigSettings;
use gem_live::simulate::sim_camera::Sim;
use gem_live::simulate::sim_name::SimName;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Run the simulated rig with random faults and check its accounting.
///
/// Faults are unplugging, stalls, floods of events, resets and jumps of the clocks, and packets that
/// are lost, sent twice or delayed. The run fails if an exposure is lost without being counted, or if
/// memory grows.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  gem-live soak --minutes 60 --seed 2 --json")]
pub(crate) struct Soak {
    /// Duration in minutes.
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Random seed of the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The simulated rig: WIDTHxHEIGHT, then optionally /WIDTHxHEIGHT of the event sensor and
    /// ,seed=N.
    #[arg(long, alias = "size", default_value = "96x64")]
    rig: SimName,
    /// Print statistics as JSON.
    #[arg(long)]
    json: bool,
}

/// Number of memory samples in the whole run.
const SAMPLES: u32 = 100;
/// Allowed growth, in bytes, of the minimum memory of the last third over that of the other thirds.
/// This is the largest flood that the buffer accepts (8 million events). It may be held for eleven
/// seconds, longer than a third of a short run, and whether a third contains a flood is random.
const GROWTH: u64 = 128 << 20;
/// How long to wait for the last exposures after the end.
const DRAIN_TIME: Duration = Duration::from_secs(10);

#[derive(serde::Serialize)]
struct Report {
    minutes: f64,
    faults: FaultCounts,
    /// Exposures delivered by the rig.
    exposures: u64,
    /// Of those, exposures that are marked as lacking events.
    incomplete: u64,
    /// Exposures that were displayed.
    shown: u64,
    /// Drops of cameras and rig, per cause.
    lost: Vec<gem_live::camera::DropSnapshot>,
    /// Exposures that the pipeline skipped.
    skipped: gem_live::live::Drops,
    /// Maximum resident memory in each third, in bytes; none in a third that was not reached, 0 where
    /// the system does not report it.
    memory: [Option<u64>; 3],
    /// Minimum resident memory in each third, in bytes.
    memory_least: [Option<u64>; 3],
    /// The user has asked the run to end before its time: the growth of memory was not checked.
    interrupted: bool,
    /// Violated conditions; empty if the run passed.
    violations: Vec<String>,
}

/// Resident memory in each third of a run, in bytes.
#[derive(Default)]
struct Memory {
    most: [Option<u64>; 3],
    least: [Option<u64>; 3],
}

impl Memory {
    /// Adds a sample, taken after `part` of the run.
    fn add(&mut self, part: f64, bytes: u64) {
        let third = ((3.0 * part) as usize).min(2);
        if let (Some(most), Some(least)) = (self.most.get_mut(third), self.least.get_mut(third)) {
            *most = Some(most.map_or(bytes, |most| most.max(bytes)));
            *least = Some(least.map_or(bytes, |least| least.min(bytes)));
        }
    }

    /// How memory has grown in a whole run, if it has grown too much.
    fn growth(&self) -> Option<String> {
        let [Some(first), Some(second), Some(last)] = self.least else { return None };
        (last > first.max(second).saturating_add(GROWTH))
            .then(|| format!("memory grew: minima per third are {first}, {second}, {last} bytes"))
    }
}

impl Soak {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let seconds = self.minutes * 60.0;
        let length = Duration::try_from_secs_f64(seconds).map_err(|e| format!("--minutes: {e}"))?;
        let faulty = FaultInjector::new(
            Arc::new(Sim::new(self.rig.model(), true)),
            FaultPlan::rough(self.seed, length),
        );
        let (ledger, camera_end) = (faulty.ledger(), faulty.end());
        let handle = RigHandle::default();
        handle.enable();
        let name = format!("soak of sim:{}", self.rig);
        // The same watchdog settings as for real cameras.
        let (settings, rig) = (StreamSettings::default(), RigSettings::default());
        let source = RigSource::start(name, Arc::new(faulty), None, settings, rig, handle)?;
        let drops = source.drops();
        let pipeline = Pipeline::start(Parts {
            source: Box::new(source),
            restorer: pass_through(),
            adapt: false,
            notify: Box::new(|| ()),
        })?;
        let mut memory = Memory::default();
        let (start, step) = (Instant::now(), length / SAMPLES);
        let finishing = Finishing::new();
        let (mut end, mut interrupted) = (length, false);
        let mut sampled = Instant::now();
        let balance = || Balance::new(&pipeline, &drops, ledger.read());
        loop {
            std::thread::sleep(Duration::from_millis(2));
            while pipeline.take().is_some() {}
            if sampled.elapsed() >= step {
                sampled = Instant::now();
                let part = start.elapsed().as_secs_f64() / length.as_secs_f64();
                memory.add(part, resident().unwrap_or(0));
            }
            let since = start.elapsed();
            if since <= end && finishing.requested() {
                (end, interrupted) = (since, true);
                // Exposures in flight are completed only by a later event, or by the camera's end.
                camera_end.request();
            }
            let agrees = || balance().violations(interrupted).is_empty();
            if since > end && (agrees() || since > end + DRAIN_TIME) {
                break;
            }
        }
        let balance = balance();
        let mut violations = balance.violations(interrupted);
        if !interrupted {
            violations.extend(memory.growth());
        }
        let report = Report {
            minutes: start.elapsed().as_secs_f64() / 60.0,
            faults: balance.faults,
            exposures: balance.exposures,
            incomplete: balance.incomplete,
            shown: balance.shown,
            lost: drops.snapshot(),
            skipped: balance.skipped,
            memory: memory.most,
            memory_least: memory.least,
            interrupted,
            violations,
        };
        print_report(&report, self.minutes, self.json)
    }
}

/// Counters whose sums must agree.
struct Balance {
    faults: FaultCounts,
    /// Frames dropped before they became exposures.
    dropped_upstream: u64,
    exposures: u64,
    incomplete: u64,
    /// Exposures skipped because the pipeline's first thread was busy.
    skipped_frames: u64,
    captured: u64,
    shown: u64,
    skipped: gem_live::live::Drops,
}

impl Balance {
    fn new(pipeline: &Pipeline, drops: &Drops, faults: FaultCounts) -> Self {
        let buffer = pipeline.report().buffer.unwrap_or_default();
        let now = pipeline.stats().snapshot();
        let skipped_frames = drops.get(DropCause::Skipped, DropUnit::Frames);
        Self {
            faults,
            dropped_upstream: drops.total(DropUnit::Frames) - skipped_frames,
            exposures: buffer.exposures,
            incomplete: buffer.incomplete,
            skipped_frames,
            captured: now.captured,
            shown: now.shown,
            skipped: now.drops,
        }
    }

    /// Describes every sum that does not agree. A run that was `interrupted` may have shown nothing yet.
    fn violations(&self, interrupted: bool) -> Vec<String> {
        let skipped = self.skipped.engine + self.skipped.display + self.skipped.failed;
        let sums = [
            (
                "frames sent",
                self.faults.frames_sent(),
                "dropped for a known cause, or exposures",
                self.dropped_upstream + self.exposures,
            ),
            (
                "exposures",
                self.exposures,
                "captured or counted",
                self.captured + self.skipped_frames,
            ),
            ("captured", self.captured, "shown or counted", self.shown + skipped),
        ];
        let wrong = sums.into_iter().filter(|(_, left, _, right)| left != right);
        let mut all: Vec<String> =
            wrong.map(|(a, left, b, right)| format!("{left} {a}, but {right} {b}")).collect();
        if self.shown == 0 && !interrupted {
            all.push("no exposure was shown".into());
        }
        all
    }
}

/// Resident memory of this process in bytes, if the system reports it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

fn print_report(report: &Report, minutes: f64, json: bool) -> Result<ExitCode, Failure> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        let f = &report.faults;
        println!("ran         {:.1} minutes", report.minutes);
        println!("unplugged   {} times, stalled {}, flooded {}", f.unplugged, f.stalled, f.floods);
        println!("clocks      {} resets, {} jumps", f.new_epochs, f.jumps);
        println!(
            "frames      {} generated, {} withheld, {} sent twice, {} late",
            f.frames_made, f.frames_withheld, f.frames_doubled, f.frames_late
        );
        println!(
            "exposures   {}, of which {} are marked as lacking events; {} shown",
            report.exposures, report.incomplete, report.shown
        );
        let lost = if report.lost.is_empty() { "nothing".to_owned() } else { list(&report.lost) };
        println!("lost        {lost}");
        println!("skipped     {}", serde_json::to_string(&report.skipped)?);
        let mib = |thirds: [Option<u64>; 3]| {
            thirds.map(|bytes| bytes.map_or("-".to_owned(), |b| (b >> 20).to_string())).join(", ")
        };
        let (most, least) = (mib(report.memory), mib(report.memory_least));
        println!("memory      {most} MiB maximum in each third, {least} MiB minimum");
    }
    if report.interrupted {
        let after = report.minutes;
        eprintln!(
            "gem-live: interrupted after {after:.1} of {minutes} minutes: losses were checked, the \
             growth of memory was not"
        );
    }
    if report.violations.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!("the soak failed: {}", report.violations.join("; ")).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn memory_grows_only_if_a_whole_run_shows_it() {
        let of = |samples: &[(f64, u64)]| {
            let mut memory = Memory::default();
            samples.iter().for_each(|(part, bytes)| memory.add(*part, *bytes));
            memory
        };
        let grown = of(&[(0.1, 5), (0.2, 3), (0.5, 4), (0.7, GROWTH + 5), (1.2, GROWTH + 9)]);
        assert_eq!(grown.least, [Some(3), Some(4), Some(GROWTH + 5)]);
        assert_eq!(grown.most, [Some(5), Some(4), Some(GROWTH + 9)]);
        assert!(grown.growth().unwrap().contains("memory grew"));
        assert_eq!(of(&[(0.1, 5), (0.5, 4), (0.7, GROWTH + 5)]).growth(), None);
        // The last third was not reached.
        assert_eq!(of(&[(0.1, 5), (0.5, 4 * GROWTH)]).growth(), None);
    }
}
