//! `gem-live live --headless`: runs the live pipeline without a window and prints statistics.

use super::failure::Failure;
use super::interrupt::Finishing;
use super::losses::list;
use gem_live::live::{
    Drops, FrameOutput, OutputStatus, Parts, Pipeline, RestoredFrame, Snapshot, SourceReport,
    Times, describe,
};
use gem_live::program;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time excluded from the statistics: clocks synchronize and memory is first touched in it.
const WARM_UP: Duration = Duration::from_secs(2);
/// Runs shorter than this have no warm-up.
const SHORT: Duration = Duration::from_secs(5);
/// How long to wait for a restored frame before checking whether the pipeline has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(serde::Serialize)]
struct Report {
    source: String,
    engine: String,
    /// Seconds since the first exposure, or since the start if there was none.
    seconds: f64,
    /// Seconds after the first exposure that are excluded from times and means.
    warm_up_seconds: f64,
    #[serde(flatten)]
    numbers: Snapshot,
    #[serde(flatten)]
    report: SourceReport,
    /// PSNR of the blurry and of the restored image, in dB.
    psnr_db: Option<[f64; 2]>,
    /// SSIM of the blurry and of the restored image.
    ssim: Option<[f64; 2]>,
    sharpness_gain: Option<f64>,
    /// What was sent to other programs, one entry per stream.
    outputs: Vec<OutputStatus>,
    facts: Vec<(&'static str, String)>,
    notices: Vec<String>,
}

/// Running mean of optional values.
struct Mean<const N: usize> {
    sum: [f64; N],
    count: u32,
}

impl<const N: usize> Default for Mean<N> {
    fn default() -> Self {
        Self { sum: [0.0; N], count: 0 }
    }
}

impl<const N: usize> Mean<N> {
    fn add(&mut self, values: Option<[f64; N]>) {
        let Some(values) = values else { return };
        self.sum.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
        self.count += 1;
    }

    fn get(&self) -> Option<[f64; N]> {
        (self.count > 0).then(|| self.sum.map(|sum| sum / f64::from(self.count)))
    }
}

/// PSNR values are clamped to this: without any error PSNR is infinite.
const BEST_DB: f64 = 100.0;

#[derive(Default)]
struct Quality {
    psnr: Mean<2>,
    ssim: Mean<2>,
    gain: Mean<1>,
}

impl Quality {
    fn add(&mut self, outcome: &RestoredFrame) {
        self.psnr.add(outcome.psnr_db.map(|(a, b)| [a.min(BEST_DB), b.min(BEST_DB)]));
        self.ssim.add(outcome.ssim.map(|(a, b)| [a, b]));
        self.gain.add(outcome.sharpness_gain.map(|g| [g]));
    }
}

/// How a run without a window is reported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// How long to run.
    pub(super) seconds: f64,
    /// Print JSON.
    pub(super) json: bool,
    /// Fail if events and exposures contradict each other.
    pub(super) strict: bool,
}

/// Runs until the time is up or Ctrl-C is pressed, receiving every restored frame as the window
/// would, and prints statistics.
pub(super) fn run(
    mut parts: Parts,
    outputs: Vec<Arc<dyn FrameOutput>>,
    options: Options,
) -> Result<ExitCode, Failure> {
    let Options { seconds, json, strict } = options;
    let finishing = Finishing::new();
    let this = std::thread::current();
    parts.notify = Box::new(move || this.unpark());
    let pipeline = Pipeline::start_with_outputs(parts, outputs.clone())?;
    let duration = Duration::try_from_secs_f64(seconds).map_err(|e| format!("--seconds: {e}"))?;
    let warm_up = if duration < SHORT { Duration::ZERO } else { WARM_UP };
    let (start, mut first, mut warm) = (Instant::now(), None::<Instant>, warm_up.is_zero());
    let mut quality = Quality::default();
    while !pipeline.ended() && pipeline.engine_failure().is_none() && !finishing.requested() {
        if first.unwrap_or(start).elapsed() >= duration {
            break;
        }
        let Some(outcome) = pipeline.take() else {
            std::thread::park_timeout(POLL_INTERVAL);
            continue;
        };
        let since = first.get_or_insert_with(Instant::now);
        if !warm && since.elapsed() >= warm_up {
            warm = true;
            pipeline.stats().restart_times();
            quality = Quality::default();
        }
        quality.add(&outcome);
    }
    let report = Report {
        source: pipeline.source(),
        engine: pipeline.engine(),
        seconds: first.unwrap_or(start).elapsed().as_secs_f64(),
        warm_up_seconds: if warm { warm_up.as_secs_f64() } else { 0.0 },
        numbers: pipeline.stats().snapshot(),
        report: pipeline.report(),
        psnr_db: quality.psnr.get(),
        ssim: quality.ssim.get(),
        sharpness_gain: quality.gain.get().map(|[gain]| gain),
        outputs: outputs.iter().flat_map(|output| output.status()).collect(),
        facts: pipeline.facts().iter().map(describe).collect(),
        notices: pipeline.notices().list().into_iter().map(|n| n.text).collect(),
    };
    if let Some(why) = pipeline.engine_failure() {
        return Err(why.into());
    }
    let remarks = pipeline.remarks();
    let code = print_report(report, json, pipeline.failure(), finishing.requested())?;
    match remarks.first().filter(|_| strict) {
        Some(remark) => Err(remark.as_str().into()),
        None => Ok(code),
    }
}

/// Prints the report. A source that failed permanently, or that delivered nothing, is an error.
fn print_report(
    report: Report,
    json: bool,
    failure: Option<String>,
    interrupted: bool,
) -> Result<ExitCode, Failure> {
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print_text(&report);
    }
    // Without a single exposure the first notice is the reason, and becomes the error.
    let failed = report.numbers.captured == 0 && !interrupted;
    let is_failure = |notice: &&String| failure.as_ref().is_some_and(|why| notice.contains(why));
    let skipped = usize::from(failed);
    for notice in report.notices.iter().skip(skipped).filter(|n| !is_failure(n)) {
        eprintln!("gem-live: {}", program::in_advice(notice));
    }
    match report.notices.into_iter().next() {
        _ if failure.is_some() && !failed => Err(failure.unwrap_or_default().into()),
        Some(why) if failed => Err(why.into()),
        None if failed => Err(format!("{}: no exposure was received", report.source).into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints the report as text.
fn print_text(report: &Report) {
    let (n, r) = (&report.numbers, &report.report);
    let ms = |t: Times| format!("{:.1} / {:.1} / {:.1} ms", t.p50_ms, t.p95_ms, t.max_ms);
    println!("source      {}", report.source);
    println!("engine      {}", report.engine);
    println!("exposures   {} in, {} restored, {} out", n.captured, n.restored, n.shown);
    println!("rates       {:.1} /s in, {:.1} /s out", n.rate_in, n.rate_out);
    println!("events      {:.2} million per second", n.event_rate / 1e6);
    println!("restoration {} (p50 / p95 / max)", ms(n.restore));
    println!("latency     {} from the end of the exposure", ms(n.latency));
    println!("path        {} from the arrival of the frame", ms(n.path));
    println!("queued      {} packets, {} exposures", r.packets_queued, r.exposures_queued);
    println!("skipped     {}", skipped(&n.drops.unexplained(&r.lost)));
    let lost = if r.lost.is_empty() { "nothing".to_owned() } else { list(&r.lost) };
    println!("lost        {lost}");
    if let Some([before, after]) = report.psnr_db {
        println!("PSNR        {before:.2} dB blurry, {after:.2} restored");
    }
    if let Some([before, after]) = report.ssim {
        println!("SSIM        {before:.4} blurry, {after:.4} restored");
    }
    if let Some(gain) = report.sharpness_gain {
        println!("sharpness   {gain:.2} times that of the blurry image");
    }
    for output in &report.outputs {
        println!("sent        {output}");
    }
    for (name, value) in &report.facts {
        println!("{name}: {value}");
    }
}

/// Exposures that were not shown, by the place where they were dropped.
fn skipped(drops: &Drops) -> String {
    let places = [
        (drops.source, "lost before this program for an unknown cause"),
        (drops.engine, "a newer one was restored"),
        (drops.display, "a newer one was shown"),
        (drops.failed, "could not be restored"),
    ];
    let some = places.into_iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> =
        some.map(|(count, why)| format!("{count} exposures ({why})")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
