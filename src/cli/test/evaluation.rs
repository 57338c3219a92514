//! The evaluation of a dataset: restores its recordings, scores and writes the images.

use super::compare::Comparison;
use super::configured::{exposure, findings, targets};
use super::folders::{Folders, save};
use super::report::{Report, Score};
use crate::cli::common::{Progress, Reblur};
use crate::cli::consistency::{EventOptions, Findings};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Finishing;
use gem_live::Deblurrer;
use gem_live::deblur::metrics::{psnr, ssim};
use gem_live::formats::config::Config;
use gem_live::sequence::{
    Blur, FileThresholds, FindError, Pair, ReadOptions, RepairedFiles, missing_part, recordings_in,
};
use gem_live::time::TimeRange;
use gem_live::train::recordings::fault;
use std::path::Path;
use std::process::ExitCode;

/// An evaluation of all recordings of a dataset.
pub(super) struct Evaluation<'a> {
    config: &'a Config,
    folders: Folders,
    skip_invalid: bool,
    events: EventOptions,
    reblur: Reblur,
}

/// What the recordings are evaluated with, and what was found so far.
struct Job {
    deblurrer: Deblurrer,
    contrasts: FileThresholds,
    comparison: Option<Comparison>,
    report: Report,
    findings: Findings,
    repaired: RepairedFiles,
    progress: Progress,
    counts: Counts,
}

/// Numbers of recordings.
#[derive(Clone, Copy, Default)]
struct Counts {
    evaluated: usize,
    invalid: usize,
    failed: usize,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        config: &'a Config,
        skip_invalid: bool,
        events: EventOptions,
        reblur: Reblur,
    ) -> Self {
        Self { config, folders: Folders::new(config), skip_invalid, events, reblur }
    }

    /// Restores and scores all recordings, prints and writes the results.
    pub(super) fn run(
        &self,
        deblurrer: Deblurrer,
        contrasts: FileThresholds,
        comparison: Option<Comparison>,
    ) -> Result<ExitCode, Failure> {
        let folder = self.config.root_path.join("test");
        let (files, ignored) = recordings_in(&folder).map_err(|error| match folder.exists() {
            true => format!("{}: {error}", folder.display()),
            false => missing_part(&folder),
        })?;
        if ignored.count() > 0 {
            eprintln!("gem-live: {}: {ignored}", folder.display());
        }
        if files.is_empty() {
            return Err(FindError::Empty(folder).into());
        }
        let mut job = Job {
            deblurrer,
            contrasts: contrasts.pooling(&files),
            comparison,
            report: Report::default(),
            findings: Findings::new(self.events),
            repaired: RepairedFiles::default(),
            progress: Progress::new(files.len()),
            counts: Counts::default(),
        };
        let finishing = Finishing::new();
        let options = ReadOptions {
            scale_factor: Some(self.config.scale_factor),
            times: self.events.times(),
        };
        for path in &files {
            if finishing.requested() {
                break;
            }
            self.recording(path, &options, &mut job);
        }
        let counts = job.counts;
        self.print(job)?;
        self.exit_code(counts, files.len(), finishing.requested())
    }

    /// Evaluates one recording, unless it is invalid and those are skipped.
    fn recording(&self, path: &Path, options: &ReadOptions, job: &mut Job) {
        let pair = Pair::read_with_repairs(path, options).map_err(Failure::from);
        if let Ok((_, repairs)) = &pair
            && !repairs.is_empty()
        {
            job.repaired.add(repairs);
            job.progress.notify(&format!("{}: {repairs}", path.display()));
        }
        let pair = pair.and_then(|(pair, repairs)| {
            job.findings.check_repairs(&repairs)?;
            Ok(pair)
        });
        let why = pair.as_ref().ok().and_then(|pair| fault(pair, None));
        let pair = pair.and_then(|pair| {
            let mut found = findings(self.config, &pair);
            // Reported below.
            found.retain(|f| self.events.strict || Some(f.to_string()) != why);
            job.findings.add(path, &found, |line| job.progress.notify(line))?;
            Ok(pair)
        });
        if let Some(why) = why.filter(|_| pair.is_ok()) {
            job.counts.invalid += 1;
            job.progress.notify(&format!("{}: {why}", path.display()));
            if self.skip_invalid {
                job.progress.step("skipped");
                return;
            }
        }
        match pair.and_then(|pair| self.evaluate_file(path, &pair, job)) {
            Ok(line) => {
                job.counts.evaluated += 1;
                job.progress.step(&line);
            }
            Err(error) => {
                job.counts.failed += 1;
                job.progress.notify(&format!("{}: {error}", path.display()));
                job.progress.step("failed");
            }
        }
    }

    /// Prints and writes the results.
    fn print(&self, job: Job) -> Result<(), Failure> {
        let Job { comparison, report, findings, repaired, progress, counts, .. } = job;
        progress.finish();
        if !repaired.is_empty() {
            eprintln!("gem-live: {repaired}");
        }
        findings.print();
        if self.config.has_gt {
            report.print();
        }
        let mut others = Vec::new();
        if let Some(comparison) = &comparison {
            comparison.print(&report);
            others.extend([("blurry", &comparison.blurry), ("edi", &comparison.edi)]);
        }
        match &self.config.save_path {
            Some(path) if counts.evaluated > 0 => {
                report.write(path, &others)?;
                let what = if report.is_empty() { "pictures" } else { "pictures and results" };
                println!("{what} in {}", path.display());
            }
            _ => {}
        }
        Ok(())
    }

    /// Reports recordings that were not evaluated; whether the command succeeded.
    fn exit_code(
        &self,
        counts: Counts,
        all: usize,
        is_interrupted: bool,
    ) -> Result<ExitCode, Failure> {
        let Counts { evaluated, invalid, failed } = counts;
        if is_interrupted {
            let part = "the results cover only a part of the";
            let line = format!("interrupted: {part} {all} recordings, of which {failed} failed");
            if evaluated == 0 || failed > 0 {
                return Err(line.into());
            }
            eprintln!("gem-live: {line}");
            return Ok(ExitCode::SUCCESS);
        }
        if invalid > 0 {
            let what = if self.skip_invalid { "skipped" } else { "included in the scores" };
            eprintln!("gem-live: {invalid} of {all} recordings are invalid and {what}");
        }
        if failed > 0 {
            return Err(format!("{failed} of {all} recordings failed").into());
        }
        if evaluated == 0 {
            return Err("no recording was evaluated".into());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Restores one recording, adds its scores, and returns a summary line.
    fn evaluate_file(&self, path: &Path, pair: &Pair, job: &mut Job) -> Result<String, Failure> {
        let contrast = job.contrasts.of(path, pair)?;
        job.deblurrer.set_thresholds(contrast.thresholds);
        if let Some(comparison) = &mut job.comparison {
            comparison.set_contrast(contrast);
        }
        let prefix = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let truth = match (&pair.truth, self.config.has_gt) {
            (Some(truth), true) => Some(truth),
            (None, true) => return Err("has_gt is true, but there are no sharp images".into()),
            (_, false) => None,
        };
        let ([first, second], left_out) = targets(self.config, pair, truth);
        if left_out > 0 && first.is_empty() && second.is_empty() {
            return Err("none of its sharp images was taken during an exposure: correct \
                        sharp_timestamps, which have the clock and the unit of the exposures"
                .into());
        }
        let mut scores = Vec::new();
        for (blur, targets) in [(Blur::First, &first), (Blur::Second, &second)] {
            let exposure = exposure(self.config, pair, blur)?;
            let spans: Vec<TimeRange> =
                targets.iter().map(|(_, t)| TimeRange::instant(*t)).collect();
            job.deblurrer.set_reblur_instants(self.reblur.count(&exposure, &spans));
            let restored = job.deblurrer.restore_spans(&exposure, &spans)?;
            if let (Some(comparison), Some(truth)) = (job.comparison.as_mut(), truth) {
                let sharp = |(index, _): &(usize, f64)| Some((*index, truth.images.get(*index)?));
                let sharp: Vec<_> = targets.iter().filter_map(sharp).collect();
                comparison.score(&prefix, &exposure, &spans, &sharp)?;
            }
            let blurry = exposure.frame.to_u8();
            for ((index, _), image) in targets.iter().zip(&restored) {
                let result = image.to_u8();
                let file = format!("{prefix}_{index:03}.png");
                save(&self.folders.result, &file, &result)?;
                save(&self.folders.blur, &file, &blurry)?;
                if let Some(sharp) = truth.and_then(|t| t.images.get(*index)) {
                    save(&self.folders.truth, &file, sharp)?;
                    scores.push(Score {
                        sequence: prefix.clone(),
                        index: *index,
                        psnr: psnr(sharp, &result)?,
                        ssim: ssim(sharp, &result)?,
                    });
                }
            }
        }
        scores.sort_by_key(|s| s.index);
        let line = format!("{}: {} restored", path.display(), first.len() + second.len());
        job.report.add(scores);
        job.report.leave_out(left_out);
        Ok(line)
    }
}
