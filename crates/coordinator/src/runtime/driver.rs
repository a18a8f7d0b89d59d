//! The coordinator's thread: takes commands from a bounded queue, tells the machine, hands out what it answers.
//!
//! Stop: 1. the queue closes for new questions; 2. what is queued before the stop is worked off; 3. every partition is
//! resigned, which answers whoever is parked with NOT_COORDINATOR; 4. the thread ends; 5. what was queued after the stop is
//! dropped, which its askers see as an answer that never comes.

use std::{collections::VecDeque, io, sync::Arc};

use model::{ErrorCode, LeaderEpoch, Offset, PartitionId};
use world::{
    Clock,
    exec::{self, JoinHandle, Receiver, RecvTimeoutError, Sender},
};

use super::{Log, Now, Reign, Runtime, Shard, Ticket, Wake, loader};
use crate::limits;

/// Turns questions into requests of single shards, and their answers back into replies.
pub(crate) trait Desk: Send + Sized + 'static {
    /// The thread's name.
    const NAME: &'static str;
    type Shard: Shard;
    type Question: Send + 'static;

    /// What to ask of which partition. `led` are the partitions that this broker leads.
    fn open(&mut self, question: Self::Question, led: &[PartitionId]) -> Requests<Self>;
    fn settle(&mut self, ticket: Ticket, answer: <Self::Shard as Shard>::Answer);
    /// An empty shard, to load a partition into.
    fn shard(&mut self) -> Self::Shard;

    /// Has done elsewhere what the coordinator of `reign` wants done. Never waits: what comes of it is [reported](Desk::reports).
    fn perform(&mut self, reign: Reign, effect: <Self::Shard as Shard>::Effect);
    /// What has come of effects since the last call, as requests; whoever has something to report wakes the thread.
    fn reports(&mut self) -> Requests<Self> {
        Vec::new()
    }
    /// How to wake the thread.
    fn wakes(&mut self, _wake: Wake) {}
}

/// Requests of single shards.
pub(crate) type Requests<D> = Vec<(PartitionId, Ticket, <<D as Desk>::Shard as Shard>::Request)>;

/// The sending end of the thread's queue.
pub(crate) struct Inbox<D: Desk>(Sender<Command<D>>);

pub(crate) enum Command<D: Desk> {
    Ask(D::Question),
    Elect(PartitionId, LeaderEpoch),
    Resign(PartitionId),
    Loaded(Reign, Result<(D::Shard, Offset), ErrorCode>),
    LoaderIdle,
    /// Look at the clock and at what is committed.
    Tick,
    Stop,
}

pub(crate) struct Driver<D: Desk> {
    desk: D,
    runtime: Runtime<D::Shard>,
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    inbox: Inbox<D>,
    /// Waiting for the loader, which reads a queue's worth at a time.
    loads: VecDeque<Reign>,
    is_loading: bool,
}

impl<D: Desk> Driver<D> {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub(crate) fn start(
        mut desk: D,
        log: Arc<dyn Log>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<(Inbox<D>, JoinHandle<()>)> {
        let (sender, queue) = exec::channel(limits::QUEUE_REQUESTS_MAX);
        let inbox = Inbox(sender);
        log.wakes(inbox.wake());
        desk.wakes(inbox.wake());
        let driver = Self {
            desk,
            runtime: Runtime::new(Arc::clone(&log)),
            log,
            clock,
            inbox: inbox.clone(),
            loads: VecDeque::new(),
            is_loading: false,
        };
        let thread = exec::spawn(D::NAME, move || driver.run(&queue))?;
        Ok((inbox, thread))
    }

    fn run(mut self, queue: &Receiver<Command<D>>) {
        loop {
            let command = match self.next_wait() {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => queue.recv_timeout(wait),
            };
            match command {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.on_command(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.on_time();
            self.on_reports();
            self.start_loader();
            self.deliver();
        }
        for partition in self.runtime.partitions() {
            self.runtime.on_resigned(partition);
        }
        self.deliver();
    }

    /// How long nothing is due; none when nothing ever is.
    fn next_wait(&self) -> Option<std::time::Duration> {
        self.runtime.next_deadline().map(|deadline| deadline.since(self.clock.now()))
    }

    fn on_command(&mut self, command: Command<D>) {
        let now = Now::read(&*self.clock);
        match command {
            Command::Ask(question) => {
                for (partition, ticket, request) in
                    self.desk.open(question, &self.runtime.partitions())
                {
                    self.runtime.on_request(partition, (ticket, request), now);
                }
            }
            Command::Elect(partition, epoch) => {
                self.loads.extend(self.runtime.on_elected(partition, epoch));
            }
            Command::Resign(partition) => self.runtime.on_resigned(partition),
            Command::Loaded(load, loaded) => self.runtime.on_loaded(load, loaded, now),
            Command::LoaderIdle => self.is_loading = false,
            Command::Tick | Command::Stop => {}
        }
    }

    fn on_time(&mut self) {
        let now = Now::read(&*self.clock);
        self.loads.extend(self.runtime.on_time(now));
    }

    fn on_reports(&mut self) {
        let now = Now::read(&*self.clock);
        for (partition, ticket, request) in self.desk.reports() {
            self.runtime.on_request(partition, (ticket, request), now);
        }
    }

    fn deliver(&mut self) {
        for (ticket, answer) in self.runtime.take_answers() {
            self.desk.settle(ticket, answer);
        }
        for (reign, effect) in self.runtime.take_effects() {
            self.desk.perform(reign, effect);
        }
    }

    /// Hands everything that is to be loaded to one thread, which ends when it is through.
    fn start_loader(&mut self) {
        if self.is_loading || self.loads.is_empty() {
            return;
        }
        let loads: Vec<_> = self.loads.drain(..).map(|load| (load, self.desk.shard())).collect();
        let asked: Vec<Reign> = loads.iter().map(|(load, _)| *load).collect();
        let (log, inbox) = (Arc::clone(&self.log), self.inbox.clone());
        let spawned = exec::spawn("coordinator-load", move || {
            for (load, shard) in loads {
                let loaded = loader::load(&*log, load, shard);
                if !inbox.tell(Command::Loaded(load, loaded)) {
                    return;
                }
            }
            inbox.tell(Command::LoaderIdle);
        });
        self.is_loading = spawned.is_ok();
        if spawned.is_err() {
            let now = Now::read(&*self.clock);
            for load in asked {
                self.runtime.on_loaded(load, Err(ErrorCode::CoordinatorNotAvailable), now);
            }
        }
    }
}

impl<D: Desk> Inbox<D> {
    /// Asks, unless the queue is full or closed: the question is then dropped, and its asker sees an answer that never comes.
    pub(crate) fn ask(&self, question: D::Question) {
        let _ = self.0.try_send(Command::Ask(question));
    }

    /// Tells what must not be lost; waits for room. False when the thread is gone.
    pub(crate) fn tell(&self, command: Command<D>) -> bool {
        self.0.send(command).is_ok()
    }

    /// Ends the thread without waiting for room in its queue.
    pub(crate) fn try_stop(&self) {
        let _ = self.0.try_send(Command::Stop);
    }

    /// [`Inbox::tick`], for those who know no desk.
    pub(crate) fn wake(&self) -> Wake {
        let inbox = self.clone();
        Arc::new(move || inbox.tick())
    }

    /// Wakes the thread. A full queue needs no waking.
    pub(crate) fn tick(&self) {
        let _ = self.0.try_send(Command::Tick);
    }
}

impl<D: Desk> Clone for Inbox<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
