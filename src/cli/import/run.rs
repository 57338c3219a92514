//! Imports recordings, one after the other.

use crate::cli::failure::Failure;
use crate::cli::interrupt::Finishing;
use crate::cli::synth::target::Folder;
use gem_live::datagen::dataset_writer::{DatasetWriter, DatasetWriterError};
use gem_live::datagen::hs_ergb::{Recipe, Sequence};
use gem_live::sequence::import::{
    ForeignSource, ImportError, ImportOptions, check, doubt, pair, pair_count,
};
use gem_live::sequence::{Entry, Pair, SaveError};
use indicatif::ProgressBar;

/// The recordings of one run, and what they have in common.
pub(super) struct Run {
    pub(super) into: Folder,
    /// How sharp frames become blurry ones, in the formats that have sharp ones.
    pub(super) recipe: Option<Recipe>,
    pub(super) options: ImportOptions,
    pub(super) set: DatasetWriter,
    /// Of the first recording; a dataset has one.
    pub(super) scale_factor: Option<f64>,
    pub(super) bar: ProgressBar,
    pub(super) finishing: Finishing,
    /// The user has asked the command to end before all was imported.
    pub(super) stopped: bool,
}

impl Run {
    /// Whether to end before the next file.
    pub(super) fn stops(&mut self) -> bool {
        self.stopped |= self.finishing.requested();
        self.stopped
    }

    /// Imports one recording. What cannot be used is added to the summary. An error ends the run:
    /// an exposure time is unknown, or the output cannot be written.
    pub(super) fn source(&mut self, source: &ForeignSource, name: &str) -> Result<(), Failure> {
        let stem = format!("{}/{name}", self.into.folder(&source.path));
        let path = source.path.display().to_string();
        if let (Some(recipe), true) = (self.recipe, source.is_time_lens()) {
            let sequence = match Sequence::open(&source.path, &self.options) {
                Ok(sequence) => sequence,
                Err(error) => {
                    self.set.skip(error.to_string());
                    return Ok(());
                }
            };
            let average = recipe.average;
            self.print(&format!("{path}: HS-ERGB or BS-ERGB, {average} frames averaged"));
            for remark in sequence.remarks() {
                self.print(&format!("  {remark}"));
            }
            if sequence.unreadable() > 0 {
                let n = sequence.unreadable();
                self.set
                    .skip(format!("{path}: {n} events have no valid number, pixel or polarity"));
            }
            return self.pairs(&path, &stem, sequence.pairs(&recipe), |number| {
                sequence.pair(&recipe, number).map_err(|e| e.to_string())
            });
        }
        self.bar.set_message(format!("reading {path}"));
        let mut recording = match source.open(&self.options) {
            Ok(recording) => recording,
            Err(error @ ImportError::Exposure(_)) => return Err(error.into()),
            Err(error) => {
                self.set.skip(error.to_string());
                return Ok(());
            }
        };
        self.print(&format!(
            "{path}: {}, {} frames, events of {} pixels",
            recording.format(),
            recording.frames().len(),
            recording.sensor()
        ));
        for remark in recording.remarks() {
            self.print(&format!("  {remark}"));
        }
        match check(recording.as_ref()) {
            Ok(()) => {
                if let Some(why) = doubt(recording.as_ref()) {
                    self.bar.suspend(|| eprintln!("gem-live: {path}: warning: {why}"));
                }
                let count = pair_count(recording.as_ref());
                if recording.frames().len() % 2 == 1
                    && let Some(last) = recording.frames().last()
                {
                    self.set.skip(format!("{path}: {}: it has no partner", last.name));
                }
                self.pairs(&path, &stem, count, |number| pair(recording.as_mut(), &path, number))?;
            }
            Err(why) => self.set.skip(format!("{path}: {why}")),
        }
        for line in recording.skipped() {
            self.set.skip(format!("{path}: {line}"));
        }
        Ok(())
    }

    fn pairs(
        &mut self,
        path: &str,
        stem: &str,
        count: usize,
        mut make: impl FnMut(usize) -> Result<(Pair, Entry), String>,
    ) -> Result<(), Failure> {
        self.bar.reset();
        self.bar.set_length(count as u64);
        self.bar.set_message(path.to_owned());
        let (mut made, mut earlier) = (0, 0);
        let mut warned: Vec<&str> = Vec::new();
        for number in 0..count {
            if self.stops() {
                break;
            }
            self.bar.inc(1);
            let file = format!("{stem}_{number:05}.npz");
            if self.set.has(&file) && self.scale_factor.is_some() {
                earlier += 1;
                continue;
            }
            let (pair, entry) = match make(number) {
                Ok(made) => made,
                Err(why) => {
                    self.set.skip(format!("{path}: pair {number}: {why}"));
                    continue;
                }
            };
            for finding in pair.findings() {
                if !warned.contains(&finding.kind()) {
                    warned.push(finding.kind());
                    self.bar.suspend(|| {
                        eprintln!("gem-live: {path}: pair {number}: warning: {finding}");
                        // The events of a pair lie within its time: no finding advises an offset.
                        if finding.advises_conversion() {
                            eprintln!(
                                "gem-live: import has --event-unit and --frame-unit; the name of a \
                                 column of exposure times states their unit, such as exposure_ms"
                            );
                        }
                    });
                }
            }
            if let Some(scale) = self.scale_factor.filter(|scale| *scale != pair.scale_factor) {
                self.set.skip(format!(
                    "{path}: pair {number}: its pictures have {} pixels per event pixel, the \
                     dataset's {scale}: import it into another folder",
                    pair.scale_factor
                ));
                continue;
            }
            if self.set.has(&file) {
                earlier += 1;
            } else {
                match self.set.add(&file, &pair, entry) {
                    Ok(()) => made += 1,
                    // The pair itself is at fault; others may be whole.
                    Err(DatasetWriterError::Save(SaveError::Pair(error))) => {
                        self.set.skip(format!("{path}: pair {number}: {error}"));
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            self.scale_factor = Some(pair.scale_factor);
        }
        self.print(&format!("  {made} pairs written, {earlier} from earlier runs, of {count}"));
        Ok(())
    }

    fn print(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }
}
