//! What breaks, and when: drawn from the seed.

use std::time::Duration;

use world::{
    Chance, exec,
    sim::threads::{self, ProcessId},
};

use crate::{
    net::{Host, Net, Weather},
    node::Node,
};

/// Something that goes wrong on one node, or on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, then a new start.
    Kill,
    /// The plug is pulled, then put back.
    PowerCut,
    /// A clean restart.
    Restart,
    /// SIGKILL in the middle of what the disk is doing: so many changes from now.
    KillMidway(u64),
    /// Power is lost in the middle of what the disk is doing.
    PowerCutMidway(u64),
    /// SIGSTOP for a while.
    Pause,
    /// Syncs take this long for a while; in the end power is lost if the number of milliseconds is even.
    SlowSyncs(Duration),
    /// Syncs fail for a while; the node is started anew.
    FailingSyncs,
    /// There is room for so many more bytes for a while; the node is started anew.
    FullDisk(u64),
    /// The wall clock jumps by so many milliseconds.
    ClockJump(i64),
    /// A client stands still for a while, and then goes on as if nothing had been.
    ClientPause,
    /// Frames are late, get lost and break connections for a while.
    Storm(Weather),
    /// Nothing reaches the node, or nothing leaves it, or both, for a while.
    CutOff {
        /// Nothing reaches it.
        inward: bool,
        /// Nothing leaves it.
        outward: bool,
    },
    /// The node and one other hear nothing of each other, until something else has broken.
    CutPair,
}

/// Which faults a run has. Each seed has its own choice, so that no fault hides behind another.
#[derive(Debug)]
pub struct Plan {
    chance: Chance,
    kinds: Vec<u64>,
    /// The longest quiet time between two faults.
    quiet_ms_max: u64,
}

const KINDS: u64 = 14;
/// The longest time between two faults that come together: a node that starts may not even be up.
const CROWD_MS_MAX: u64 = 400;

impl Plan {
    /// The plan that `chance` holds.
    #[must_use]
    pub fn draw(mut chance: Chance) -> Self {
        let mut kinds: Vec<u64> = (0..KINDS).filter(|_| chance.below(2) == 0).collect();
        if kinds.is_empty() {
            kinds.push(chance.below(KINDS));
        }
        let quiet_ms_max = 500 + chance.below(15_000);
        Self { chance, kinds, quiet_ms_max }
    }

    /// How long nothing happens now.
    pub fn quiet(&mut self) -> Duration {
        // Troubles come in crowds.
        let ms_max = if self.chance.below(4) == 0 { CROWD_MS_MAX } else { self.quiet_ms_max };
        Duration::from_millis(self.chance.below(ms_max))
    }

    /// How long the next fault lasts.
    pub fn lasting(&mut self) -> Duration {
        Duration::from_millis(100 + self.chance.below(6_000))
    }

    /// Any of `count`.
    pub fn any(&mut self, count: usize) -> usize {
        usize::try_from(self.chance.below(count as u64)).unwrap_or(0)
    }

    fn weather(&mut self) -> Weather {
        Weather {
            delay_min: Duration::from_millis(1),
            delay_spread: Duration::from_millis(1 + self.chance.below(400)),
            lost_per_mille: self.chance.below(200),
            broken_per_mille: if self.any(4) == 0 { 200 } else { self.chance.below(80) },
        }
    }

    /// What happens next.
    pub fn next_fault(&mut self) -> Fault {
        let drawn = self.any(self.kinds.len());
        match self.kinds[drawn] {
            0 => Fault::Kill,
            1 => Fault::PowerCut,
            2 => Fault::Restart,
            3 => Fault::KillMidway(self.chance.below(40)),
            4 => Fault::PowerCutMidway(self.chance.below(40)),
            5 => Fault::Pause,
            6 => Fault::SlowSyncs(Duration::from_millis(1 + self.chance.below(500))),
            7 => Fault::FailingSyncs,
            8 => Fault::FullDisk(self.chance.below(4_096)),
            9 => Fault::ClockJump(self.chance.below(600_000).cast_signed() - 300_000),
            10 => Fault::Storm(self.weather()),
            11 => Fault::ClientPause,
            12 => Fault::CutPair,
            _ => {
                let way = self.chance.below(3);
                Fault::CutOff { inward: way != 1, outward: way != 2 }
            }
        }
    }
}

impl Fault {
    /// Whether what is not synced may be gone afterwards, or its node has to take it for gone.
    #[must_use]
    pub const fn may_lose(self) -> bool {
        match self {
            Self::PowerCut | Self::PowerCutMidway(_) => true,
            Self::FailingSyncs | Self::FullDisk(_) => true,
            Self::SlowSyncs(delay) => delay.subsec_millis() % 2 == 0,
            _ => false,
        }
    }

    /// Does it to `node`, for `lasting`, and undoes it. Afterwards the node is started, and may still be booting.
    pub fn strike(self, node: &mut Node, net: &Net, around: &Around, lasting: Duration) {
        match self {
            Self::Kill => {
                node.kill();
                exec::sleep(lasting);
            }
            Self::PowerCut => {
                node.cut_power();
                exec::sleep(lasting);
            }
            Self::Restart => node.stop(),
            Self::KillMidway(steps) => {
                stop_disk(node, steps, lasting);
                node.kill();
            }
            Self::PowerCutMidway(steps) => {
                stop_disk(node, steps, lasting);
                node.cut_power();
            }
            Self::Pause => {
                node.pause();
                exec::sleep(lasting);
                node.resume();
            }
            Self::SlowSyncs(delay) => {
                node.disk.delay_syncs(delay);
                exec::sleep(lasting);
                if self.may_lose() {
                    node.cut_power();
                }
                node.disk.delay_syncs(Duration::ZERO);
            }
            Self::FailingSyncs => {
                node.disk.fail_syncs(true);
                exec::sleep(lasting);
                node.kill();
            }
            Self::FullDisk(bytes) => {
                node.disk.full_after(bytes);
                exec::sleep(lasting);
                node.kill();
            }
            Self::ClockJump(error_ms) => node.set_clock_error_ms(error_ms),
            Self::ClientPause => {
                // Long enough for its session to end and for others to take its place.
                threads::pause(around.paused);
                exec::sleep(lasting * 3);
                threads::resume(around.paused);
            }
            Self::Storm(weather) => {
                net.set_weather(weather);
                exec::sleep(lasting);
                net.set_weather(Weather::FAIR);
            }
            Self::CutOff { inward, outward } => {
                for other in &around.hosts {
                    if inward {
                        net.cut(*other, node.host());
                    }
                    if outward {
                        net.cut(node.host(), *other);
                    }
                }
                exec::sleep(lasting);
                net.heal();
            }
            // The first around a node of a cluster is another one; around a lone one, the checker, whom that does not disturb.
            Self::CutPair => {
                if let Some(other) = around.hosts.first() {
                    net.cut(*other, node.host());
                    net.cut(node.host(), *other);
                }
            }
        }
        if !node.is_started() {
            node.start();
        }
    }
}

/// Who is around the node that is struck.
pub struct Around {
    /// Everybody who talks with it.
    pub hosts: Vec<Host>,
    /// The client that stands still, should one.
    pub paused: ProcessId,
}

/// Stops the disk after `steps` more changes, and returns as soon as it stands.
fn stop_disk(node: &Node, steps: u64, lasting: Duration) {
    node.disk.stop_after(steps);
    let step = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while !node.disk.has_stopped() && waited < lasting {
        exec::sleep(step);
        waited += step;
    }
}
