//! `gem-live align`: aligns two cameras, from images or live.

use super::common::seconds;
use super::failure::Failure;
use super::sources::SourceArguments;
use gem_live::formats::pictures::{read_picture, write_png};
use gem_live::image::{ImageU8, Size};
use gem_live::live::{Parts, Pipeline, Playback, RigHandle, open_with_clock, pass_through};
use gem_live::rig::align::store::{self, Pair};
use gem_live::rig::align::{
    AlignProgress, AlignSession, AlignSettings, Alignment, Board, FrameCrop, Target,
};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Options that only apply to live alignment.
const LIVE: [&str; 6] = ["source", "frame_source", "event_source", "flashing", "views", "timeout"];
/// Options that only apply where an alignment is computed.
const SOLVING: [&str; 5] = ["frame", "event", "size", "ratio", "cameras"];

/// Align two cameras with a chessboard that both see.
///
/// From images: --frame A.png --event B.png, once per position of the board; the event
/// camera's images are its own frames (APS). Live: --frame-source and --event-source; hold the
/// board still at one position after another until all views are taken. With --flashing the event
/// camera needs no frames: it sees a board that appears and disappears on a black screen
/// (--print-board writes its image) by its events.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  gem-live align --print-board 1920x1080 --out .
  gem-live align --frame-source genicam --event-source davis --flashing
  gem-live align --frame a1.png --event b1.png --frame a2.png --event b2.png")]
pub(crate) struct Align {
    #[command(flatten)]
    sources: SourceArguments,
    /// Image of the frame camera; give --frame and --event once per position of the board.
    #[arg(long, requires = "event", conflicts_with_all = LIVE)]
    frame: Vec<PathBuf>,
    /// Image of the event camera, taken at the same moment.
    #[arg(long, requires = "frame")]
    event: Vec<PathBuf>,
    /// Number of inner corners of the board (where four squares meet).
    #[arg(long, default_value_t)]
    board: Board,
    /// The board flashes on a screen and is detected in the events.
    #[arg(long)]
    flashing: bool,
    /// Number of board positions to collect.
    #[arg(long, default_value_t = 6)]
    views: usize,
    /// Size of the aligned frames [default: 1152x768 if the cameras allow it].
    #[arg(long, value_parser = super::bench::size, requires = "ratio")]
    size: Option<Size>,
    /// Image pixels per event pixel, along one side.
    #[arg(long, requires = "size")]
    ratio: Option<usize>,
    /// Serial numbers to store the alignment for, as FRAMECAMERA,EVENTCAMERA [default: the
    /// connected cameras; an alignment from images is not stored].
    #[arg(long)]
    cameras: Option<String>,
    /// Folder for overlay.png and aligned.png, for visual inspection.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write an image of the board in this size, to print or to show full screen, and exit.
    #[arg(long, alias = "paint", value_name = "WIDTHxHEIGHT", value_parser = super::bench::size)]
    #[arg(conflicts_with_all = LIVE, conflicts_with_all = SOLVING)]
    print_board: Option<Size>,
    /// Stop after this many seconds.
    #[arg(long, alias = "patience", default_value_t = 300.0, value_parser = seconds)]
    timeout: f64,
}

impl Align {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        if let Some(size) = self.print_board {
            let path = self.out.clone().unwrap_or_default().join("board.png");
            write_png(&path, &self.board.paint(size))?;
            println!("{} inner corners: {}", self.board, path.display());
            return Ok(ExitCode::SUCCESS);
        }
        let settings = AlignSettings {
            board: self.board,
            views: self.views.max(1),
            target: self.target()?,
            ..AlignSettings::default()
        };
        if self.frame.is_empty() { self.live(settings) } else { self.pictures(settings) }
    }

    fn target(&self) -> Result<Option<Target>, Failure> {
        let Some((size, ratio)) = self.size.zip(self.ratio) else { return Ok(None) };
        let target = Target::new(size, ratio);
        let error = || format!("--size {size}: not divisible by --ratio {ratio}");
        target.map(Some).ok_or_else(|| error().into())
    }

    fn pair(&self) -> Result<Option<Pair>, Failure> {
        let Some(text) = &self.cameras else { return Ok(None) };
        let (frames, events) = text
            .split_once(',')
            .ok_or_else(|| format!("--cameras {text}: expected two serials: 2021,00000123"))?;
        Ok(Some(Pair { frames: frames.into(), events: events.into() }))
    }

    fn pictures(&self, settings: AlignSettings) -> Result<ExitCode, Failure> {
        if self.frame.len() != self.event.len() {
            return Err("give --frame and --event the same number of times".into());
        }
        let mut session = AlignSession::new(settings);
        for (frame, event) in self.frame.iter().zip(&self.event) {
            let (a, b) = (read_picture(frame)?, read_picture(event)?);
            session.push_frame(&a);
            session.push_aps(&b);
            let progress = session.progress();
            for (path, found) in [(frame, progress.in_frame), (event, progress.in_events)] {
                if !found {
                    eprintln!("gem-live: {}: no complete {} board", path.display(), self.board);
                }
            }
            session.take_view();
        }
        let Some(alignment) = session.solve().cloned() else {
            return Err(session.progress().fault.unwrap_or_default().into());
        };
        print_report(&alignment);
        let last = self.frame.last().map(|path| read_picture(path)).transpose()?;
        self.show(&alignment, session.overlay(), last)?;
        if let Some(pair) = self.pair()? {
            let folder = store::folder().ok_or(store::StoreError::NoFolder)?;
            println!("stored in {}", store::save(&folder, &pair, &alignment)?.display());
        } else {
            println!("not stored: use --cameras to store it for two cameras");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn live(&self, settings: AlignSettings) -> Result<ExitCode, Failure> {
        let handle = RigHandle::default();
        let (sources, clock) = (self.sources.required()?, self.sources.clock());
        let source = open_with_clock(&sources, Playback::Loop, clock, &handle, |_| Ok(()))?;
        let parts =
            Parts { source, restorer: pass_through(), adapt: false, notify: Box::new(|| ()) };
        let run = handle.alignment().begin(settings, self.flashing)?;
        let pipeline = Pipeline::start(parts)?;
        let (started, mut printed) = (Instant::now(), (0, ""));
        let alignment = loop {
            std::thread::sleep(Duration::from_millis(100));
            let AlignProgress { views, wanted, hint, fault, .. } = run.progress();
            if let Some(alignment) = run.alignment() {
                break alignment;
            }
            if (views, hint) != printed {
                printed = (views, hint);
                println!("{views} of {wanted} views: {hint}");
            }
            if started.elapsed().as_secs_f64() > self.timeout || pipeline.ended() {
                let notices = pipeline.notices().list();
                let notice = notices.into_iter().find(|n| n.active).map(|n| n.text);
                let why = fault.or(notice).unwrap_or_else(|| hint.to_owned());
                return Err(format!("{views} of {wanted} views were taken: {why}").into());
            }
        };
        print_report(&alignment);
        self.show(&alignment, run.overlay(), None)?;
        match self.pair()? {
            Some(pair) => {
                let folder = store::folder().ok_or(store::StoreError::NoFolder)?;
                println!("stored in {}", store::save(&folder, &pair, &alignment)?.display());
            }
            None => println!("stored in {}", handle.alignment().accept(alignment)?.display()),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn show(
        &self,
        alignment: &Alignment,
        overlay: Option<ImageU8>,
        frame: Option<ImageU8>,
    ) -> Result<(), Failure> {
        let Some(folder) = &self.out else { return Ok(()) };
        if let Some(overlay) = overlay {
            write_png(&folder.join("overlay.png"), &overlay)?;
        }
        if let Some(aligned) = frame.and_then(|f| FrameCrop::new(alignment).apply(&f)) {
            write_png(&folder.join("aligned.png"), &aligned)?;
        }
        println!("images in {}", folder.display());
        Ok(())
    }
}

fn print_report(alignment: &Alignment) {
    let (image, sensor) = (alignment.target.image(), alignment.target.sensor());
    println!("residual: {}", alignment.residual);
    println!("frames {image}, events {sensor}, {}:1", alignment.target.ratio());
}
