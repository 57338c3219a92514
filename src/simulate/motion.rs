//! Smooth motion as a function of time: a linear part and a few sines.

/// One sine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// Amplitude, in the unit of the coordinate.
    pub amplitude: f64,
    /// Frequency in hertz.
    pub frequency_hz: f64,
    /// Phase at time zero, in radians.
    pub phase: f64,
}

/// One coordinate as a function of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Motion {
    /// Value at time zero, without the sines.
    pub rest: f64,
    /// Constant change per second.
    pub speed: f64,
    /// Sines that are added.
    pub sines: Vec<Sine>,
}

impl Motion {
    /// A constant coordinate.
    pub fn still(rest: f64) -> Self {
        Self { rest, ..Self::default() }
    }

    /// A coordinate with constant speed.
    pub fn steady(rest: f64, speed: f64) -> Self {
        Self { rest, speed, sines: Vec::new() }
    }

    /// Adds a sine.
    #[must_use]
    pub fn with_sine(mut self, amplitude: f64, frequency_hz: f64, phase: f64) -> Self {
        self.sines.push(Sine { amplitude, frequency_hz, phase });
        self
    }

    /// The value at `t_s` seconds.
    pub fn at(&self, t_s: f64) -> f64 {
        let sine =
            |s: &Sine| s.amplitude * (std::f64::consts::TAU * s.frequency_hz * t_s + s.phase).sin();
        self.rest + self.speed * t_s + self.sines.iter().map(sine).sum::<f64>()
    }
}

/// Motion of a camera in six degrees of freedom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraMotion {
    /// Translation to the right, in pixels of the scene's view at depth 1.
    pub x_px: Motion,
    /// Translation downwards, in pixels of the scene's view at depth 1.
    pub y_px: Motion,
    /// Translation into the scene, as a fraction of the distance to depth 1.
    pub z: Motion,
    /// Rotation about the horizontal axis, radians.
    pub pitch: Motion,
    /// Rotation about the vertical axis, radians.
    pub yaw: Motion,
    /// Rotation about the line of sight, radians.
    pub roll: Motion,
}

/// Motion of a layer within its own plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlaneMotion {
    /// Position of the layer's centre to the right of the view's centre, in pixels of the view.
    pub x_px: Motion,
    /// Position of the layer's centre below the view's centre, in pixels of the view.
    pub y_px: Motion,
    /// Rotation about the layer's centre, radians.
    pub turn: Motion,
    /// Natural logarithm of the magnification.
    pub log_scale: Motion,
}
