//! The simulated network: hosts that connect to one another and exchange frames, in order, late, or not at all.
//!
//! ```text
//!   client ── connect ──▶ host's listener: a thread of its process per connection
//!          ── frame ────▶ [ pipe: in order, each with its moment of arrival ] ──▶
//!          ◀── frame ──── [ pipe ]
//! ```
//! As TCP does: what arrives, arrives once and in order; what is lost is sent again, later; over a cut link nothing arrives until it is
//! healed. A connection may break at any time: what was under way may still arrive, long after its sender has connected anew. A host
//! that is killed resets its connections, one that loses power falls silent.

mod connection;
mod pipe;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use world::{
    Chance, exec,
    sim::threads::{self, ProcessId},
};

pub use self::connection::Connection;
use self::pipe::Pipe;

/// A machine on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub u16);

/// Why a connection is no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// Nothing came in time.
    #[error("timed out")]
    TimedOut,
    /// The other end, or the way to it, is gone.
    #[error("connection reset")]
    Reset,
}

/// How good the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Every frame takes at least this.
    pub delay_min: Duration,
    /// And less than this more.
    pub delay_spread: Duration,
    /// In a thousand frames, so many are lost once and sent again after [`RETRANSMIT`].
    pub lost_per_mille: u64,
    /// In a thousand frames, so many break their connection.
    pub broken_per_mille: u64,
}

/// When a lost frame is sent again.
const RETRANSMIT: Duration = Duration::from_millis(200);

/// How long what was under way when its connection broke may still be on its way.
const STRAY_MS_MAX: u64 = 5_000;

impl Weather {
    /// A local network on a good day.
    pub const FAIR: Self = Self {
        delay_min: Duration::from_micros(50),
        delay_spread: Duration::from_micros(450),
        lost_per_mille: 0,
        broken_per_mille: 0,
    };
}

/// The network. Clones are the same one.
#[derive(Clone)]
pub struct Net(Arc<Mutex<State>>);

type Serve = Arc<dyn Fn(Connection) + Send + Sync>;

struct State {
    chance: Chance,
    weather: Weather,
    /// Directions in which nothing arrives.
    cuts: BTreeSet<(Host, Host)>,
    listeners: BTreeMap<Host, (ProcessId, Serve)>,
    /// Hosts without power: they neither answer nor refuse.
    silent: BTreeSet<Host>,
    pipes: Vec<Weak<Pipe>>,
}

impl Net {
    /// A network on a good day.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance,
            weather: Weather::FAIR,
            cuts: BTreeSet::new(),
            listeners: BTreeMap::new(),
            silent: BTreeSet::new(),
            pipes: Vec::new(),
        })))
    }

    /// Changes how good the network is.
    pub fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// Has `serve` called for every connection to `host`, each on a thread of `process`. What was connected to an earlier process there
    /// is reset.
    pub fn listen(&self, host: Host, process: ProcessId, serve: Serve) {
        let mut state = self.state();
        state.listeners.insert(host, (process, serve));
        state.silent.remove(&host);
        let stale = state.pipes_of(host);
        drop(state);
        stale.iter().for_each(|pipe| pipe.reset());
    }

    /// Nobody listens at `host` any more; new connections are refused.
    pub fn deafen(&self, host: Host) {
        self.state().listeners.remove(&host);
    }

    /// `host` has no power: what is connected to it hears nothing more, until it is back.
    pub fn silence(&self, host: Host) {
        let mut state = self.state();
        state.listeners.remove(&host);
        state.silent.insert(host);
    }

    /// Nothing that `from` sends arrives at `to` any more.
    pub fn cut(&self, from: Host, to: Host) {
        self.state().cuts.insert((from, to));
    }

    /// Every link is whole again; what was under way arrives.
    pub fn heal(&self) {
        let mut state = self.state();
        state.cuts.clear();
        let pipes: Vec<_> = state.pipes.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        pipes.iter().for_each(|pipe| pipe.stir());
    }

    /// Connects `from` to `to`.
    ///
    /// # Errors
    /// Nobody listens, or nobody answers within `timeout`.
    pub fn connect(&self, from: Host, to: Host, timeout: Duration) -> Result<Connection, Broken> {
        let delay = self.state().delay();
        exec::sleep(delay);
        let state = self.state();
        let is_cut = state.cuts.contains(&(from, to)) || state.cuts.contains(&(to, from));
        if is_cut || state.silent.contains(&to) {
            drop(state);
            exec::sleep(timeout);
            return Err(Broken::TimedOut);
        }
        let (process, serve) = state.listeners.get(&to).cloned().ok_or(Broken::Refused)?;
        drop(state);
        let (there, back) = (Pipe::new((from, to)), Pipe::new((to, from)));
        self.state().register([&there, &back]);
        let theirs = Connection::new(self.clone(), Arc::clone(&there), Arc::clone(&back));
        threads::spawn_in(process, "connection", move || serve(theirs));
        Ok(Connection::new(self.clone(), back, there))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self, link: (Host, Host)) -> bool {
        self.state().cuts.contains(&link)
    }

    fn is_silent(&self, host: Host) -> bool {
        self.state().silent.contains(&host)
    }

    /// What happens to the next frame.
    fn draw(&self) -> Fate {
        let mut state = self.state();
        let weather = state.weather;
        let delay = state.delay();
        let is_lost = state.chance.below(1000) < weather.lost_per_mille;
        let is_broken = state.chance.below(1000) < weather.broken_per_mille;
        let arrives = !is_broken || state.chance.below(2) == 0;
        let delay = match is_broken {
            true => delay + Duration::from_millis(state.chance.below(STRAY_MS_MAX)),
            false => delay,
        };
        Fate { delay: if is_lost { delay + RETRANSMIT } else { delay }, is_broken, arrives }
    }
}

/// What happens to a frame.
struct Fate {
    delay: Duration,
    /// Its connection breaks.
    is_broken: bool,
    arrives: bool,
}

impl State {
    fn delay(&mut self) -> Duration {
        let spread = u64::try_from(self.weather.delay_spread.as_nanos()).unwrap_or(u64::MAX);
        self.weather.delay_min + Duration::from_nanos(self.chance.below(spread))
    }

    fn register(&mut self, pipes: [&Arc<Pipe>; 2]) {
        if self.pipes.len() >= 64 && self.pipes.len().is_power_of_two() {
            self.pipes.retain(|pipe| pipe.strong_count() > 0);
        }
        self.pipes.extend(pipes.map(Arc::downgrade));
    }

    fn pipes_of(&self, host: Host) -> Vec<Arc<Pipe>> {
        let living = self.pipes.iter().filter_map(Weak::upgrade);
        living.filter(|pipe| pipe.link.0 == host || pipe.link.1 == host).collect()
    }
}
