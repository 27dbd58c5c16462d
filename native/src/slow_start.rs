//! CUBIC with a slow start that ends before the queue of the bottleneck overflows (`HyStart++`).
//!
//! The library's CUBIC doubles its window until packets are lost, which are hundreds at once then.
//! Here the window stops to double once the round trips become longer, as the queue fills
//! ([RFC9406]).

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, Cubic, CubicConfig};

// The constants of [RFC9406] 4.3.
const MIN_INCREASE: Duration = Duration::from_millis(4);
const MAX_INCREASE: Duration = Duration::from_millis(16);
/// The part of a round trip by which it has to become longer, within these two bounds.
const INCREASE_DIVISOR: u32 = 8;
const MIN_SAMPLES: u32 = 8;
/// How much slower the window grows once a round trip was longer.
const GROWTH_DIVISOR: u64 = 4;
/// Rounds of slower growth before slow start is over; the first one may have begun before it.
const SLOWER_ROUNDS: u32 = 5;

/// What is left of CUBIC's window after a loss, in tenths of it.
const TENTHS_LEFT: u64 = 7;

/// How the window is to grow with what was acknowledged.
#[derive(Debug, PartialEq)]
enum Growth {
    /// By all of it.
    Full,
    /// By a quarter of it (Conservative Slow Start).
    Slower,
    /// As in congestion avoidance, from now on.
    Ended,
}

/// Slower growth, which began as the shortest round trip of a round was `baseline`.
#[derive(Clone)]
struct Slower {
    baseline: Duration,
    rounds: u32,
}

/// The rounds of slow start, each of one round trip, and how long their round trips were.
#[derive(Clone, Default)]
struct SlowStart {
    began: Option<Instant>,
    samples: u32,
    shortest: Option<Duration>,
    shortest_before: Option<Duration>,
    slower: Option<Slower>,
}

impl SlowStart {
    /// Take an acknowledgement of a packet that was sent at `sent`.
    fn acknowledged(&mut self, now: Instant, sent: Instant) -> Growth {
        // A round ends as the first packet is acknowledged that was sent in it.
        if self.began.is_none_or(|began| sent >= began) {
            self.began = Some(now);
            self.samples = 0;
            self.shortest_before = self.shortest.take();
            if let Some(slower) = &mut self.slower {
                slower.rounds += 1;
                if slower.rounds >= SLOWER_ROUNDS {
                    return Growth::Ended;
                }
            }
        }
        let sample = now.saturating_duration_since(sent);
        let shortest = self.shortest.map_or(sample, |shortest| shortest.min(sample));
        self.shortest = Some(shortest);
        self.samples += 1;
        // A few packets may all have been late by chance.
        if self.samples >= MIN_SAMPLES {
            self.compare(shortest);
        }
        if self.slower.is_some() { Growth::Slower } else { Growth::Full }
    }

    /// Grow slower where the round trips have become longer, and as before where that was passing.
    fn compare(&mut self, shortest: Duration) {
        match (&self.slower, self.shortest_before) {
            (Some(slower), _) if shortest < slower.baseline => self.slower = None,
            (None, Some(before)) => {
                let increase = (before / INCREASE_DIVISOR).clamp(MIN_INCREASE, MAX_INCREASE);
                if shortest >= before + increase {
                    self.slower = Some(Slower { baseline: shortest, rounds: 0 });
                }
            }
            _ => {}
        }
    }
}

/// The library's CUBIC, which is told of less than was acknowledged towards the end of slow start.
#[derive(Clone)]
struct HybridCubic {
    cubic: Cubic,
    /// None once slow start is over.
    slow_start: Option<SlowStart>,
    initial_window: u64,
    mtu: u16,
}

/// Return the initial window for datagrams of a size ([RFC9002] 7.2).
pub fn initial_window(datagram_size: u64) -> u64 {
    (10 * datagram_size).min(14720.max(2 * datagram_size))
}

impl HybridCubic {
    /// Begin slow start with more, as datagrams have become larger ([RFC9002] 7.2).
    fn enlarge_initial_window(&mut self) {
        let more = initial_window(u64::from(self.mtu)).saturating_sub(self.initial_window);
        if more > 0 && self.slow_start.is_some() {
            self.initial_window += more;
            let mut config = CubicConfig::default();
            config.initial_window(self.cubic.window() + more);
            self.cubic = Cubic::new(Arc::new(config), Instant::now(), self.mtu);
        }
    }

    /// Go on with congestion avoidance, and with the window as it is.
    fn end_slow_start(&mut self, now: Instant) {
        self.slow_start = None;
        // The library leaves slow start only as packets are lost. So it is told of a loss, with a
        // window that is then made as small as this one.
        let mut config = CubicConfig::default();
        config.initial_window(self.cubic.window().saturating_mul(10).div_ceil(TENTHS_LEFT));
        self.cubic = Cubic::new(Arc::new(config), now, self.mtu);
        self.cubic.on_congestion_event(now, now, false, 0);
    }
}

impl Controller for HybridCubic {
    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        let growth = self.slow_start.as_mut().map(|each| each.acknowledged(now, sent));
        let counted = match growth {
            Some(Growth::Slower) => bytes / GROWTH_DIVISOR,
            Some(Growth::Ended) => {
                self.end_slow_start(now);
                bytes
            }
            Some(Growth::Full) | None => bytes,
        };
        self.cubic.on_ack(now, sent, counted, app_limited, rtt);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.slow_start = None;
        self.cubic.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.enlarge_initial_window();
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        // The smallest window is two datagrams ([RFC9002] 7.2). The library sends only what leaves
        // a byte of the window free, so that one of them would be sent: and the other end waits
        // 25 ms for a second one before it acknowledges the first. Of the initial ten datagrams it
        // would be nine.
        self.cubic.window().max(2 * u64::from(self.mtu)) + 1
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// Makes the controllers of connections that begin with this window, in bytes.
pub struct HybridCubicConfig {
    pub initial_window: u64,
}

impl ControllerFactory for HybridCubicConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let mut config = CubicConfig::default();
        config.initial_window(self.initial_window);
        Box::new(HybridCubic {
            cubic: Cubic::new(Arc::new(config), now, current_mtu),
            slow_start: Some(SlowStart::default()),
            initial_window: self.initial_window,
            mtu: current_mtu,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: usize = 10;

    /// Rounds of a slow start, in which packets are acknowledged a round trip after they were sent.
    struct Rounds {
        slow_start: SlowStart,
        now: Instant,
    }

    impl Rounds {
        fn new() -> Self {
            Self { slow_start: SlowStart::default(), now: Instant::now() }
        }

        /// Have packets sent now, and return how the window grows as the last is acknowledged.
        fn round(&mut self, milliseconds: u64) -> Growth {
            let sent = self.now;
            self.now += Duration::from_millis(milliseconds);
            let mut growth = Growth::Full;
            for _ in 0..SAMPLES {
                growth = self.slow_start.acknowledged(self.now, sent);
                if growth == Growth::Ended {
                    break;
                }
            }
            growth
        }
    }

    #[test]
    fn it_goes_on_while_round_trips_are_as_long_as_before() {
        let mut rounds = Rounds::new();
        for milliseconds in [20, 20, 23, 20, 23, 26, 29, 32] {
            assert_eq!(rounds.round(milliseconds), Growth::Full);
        }
    }

    #[test]
    fn it_ends_after_five_rounds_of_slower_growth() {
        let mut rounds = Rounds::new();
        assert_eq!(rounds.round(20), Growth::Full);
        for milliseconds in [24, 25, 26, 27, 28] {
            assert_eq!(rounds.round(milliseconds), Growth::Slower);
        }
        assert_eq!(rounds.round(29), Growth::Ended);
    }

    #[test]
    fn longer_round_trips_that_pass_are_forgotten() {
        let mut rounds = Rounds::new();
        for (milliseconds, growth) in [
            (20, Growth::Full),
            (30, Growth::Slower),
            (30, Growth::Slower),
            (29, Growth::Full),
            (29, Growth::Full),
        ] {
            assert_eq!(rounds.round(milliseconds), growth);
        }
    }

    #[test]
    fn long_round_trips_have_to_grow_by_sixteen_milliseconds() {
        let mut rounds = Rounds::new();
        assert_eq!(rounds.round(300), Growth::Full);
        assert_eq!(rounds.round(315), Growth::Full);
        assert_eq!(rounds.round(331), Growth::Slower);
    }

    #[test]
    fn a_few_late_packets_say_nothing() {
        let mut rounds = Rounds::new();
        rounds.round(20);
        let sent = rounds.now;
        let late = sent + Duration::from_millis(90);
        for _ in 1..MIN_SAMPLES {
            assert_eq!(rounds.slow_start.acknowledged(late, sent), Growth::Full);
        }
        assert_eq!(rounds.slow_start.acknowledged(late, sent), Growth::Slower);
    }

    fn hybrid(initial_window: u64) -> HybridCubic {
        let controller = Arc::new(HybridCubicConfig { initial_window }).build(Instant::now(), 1200);
        *controller.into_any().downcast().expect("it is what was built")
    }

    #[test]
    fn the_window_stays_as_it_is_when_slow_start_ends() {
        for window in [14_720, 250_000, 12_345_678] {
            let mut controller = hybrid(window);
            controller.end_slow_start(Instant::now());
            assert!(controller.window().abs_diff(window + 1) <= 1, "{}", controller.window());
            assert_eq!(controller.initial_window(), window);
        }
    }

    #[test]
    fn a_loss_ends_slow_start() {
        let mut controller = hybrid(100_000);
        let now = Instant::now();
        controller.on_congestion_event(now, now, false, 1200);
        assert!(controller.slow_start.is_none());
        assert_eq!(controller.window(), 70_001);
    }

    #[test]
    fn larger_datagrams_enlarge_the_initial_window_until_one_is_lost() {
        let now = Instant::now();
        let mut controller = hybrid(initial_window(1200));
        assert_eq!(controller.window(), 12_001);
        controller.on_mtu_update(1472);
        assert_eq!((controller.initial_window(), controller.window()), (14_720, 14_721));
        controller.on_mtu_update(9000);
        assert_eq!((controller.initial_window(), controller.window()), (18_000, 18_001));
        controller.on_mtu_update(1200);
        assert_eq!(controller.window(), 18_001);
        let mut lossy = hybrid(initial_window(1200));
        lossy.on_congestion_event(now, now, false, 1200);
        lossy.on_mtu_update(1472);
        assert_eq!(lossy.window(), 8401);
    }

    #[test]
    fn two_large_datagrams_fit_into_the_smallest_window() {
        let mut controller = hybrid(14_720);
        controller.on_mtu_update(9000);
        assert_eq!(controller.window(), 18_001);
        let now = Instant::now();
        controller.end_slow_start(now);
        controller.on_congestion_event(now, now + Duration::from_millis(1), true, 0);
        assert_eq!(controller.window(), 18_001);
    }
}
