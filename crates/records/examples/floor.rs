//! What the machine itself asks for what a broker cannot avoid: receive a batch over loopback, CRC-32C, write it to a preallocated file, answer; and
//! send it from the page cache with sendfile. No protocol, no validation, no index: nobody is faster than this.
//!
//! `bench/floor [FILE] [GB]` builds and runs it. One line of JSON per case; CPU is the server thread's own.

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::AsFd,
    thread,
    time::Instant,
};

use records::crc32c;
use rustix::fs::{FallocateFlags, fallocate, sendfile};

/// What is reserved ahead of the writes at a time.
const AHEAD_BYTES: u64 = 64 << 20;
/// What a consumer's fetch is sent in.
const SLICE_BYTES: usize = 256 << 10;
/// Requests ahead of their answers.
const DEPTH: usize = 5;
/// An answer to a produce request is about this long.
const ANSWER: [u8; 64] = [1; 64];

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "floor.data".to_owned());
    let gb: f64 = arguments.next().map_or(Ok(1.0), |text| text.parse())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size asked for")]
    let total = (gb * 1e9) as usize;
    for size in [16 << 10, 1 << 20] {
        for work in [Work::Receive, Work::Check, Work::Write] {
            produce(size, total, work, &path)?;
        }
    }
    send(total, &path)?;
    fs::remove_file(&path)?;
    Ok(())
}

/// How much of a broker's work the server does.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Work {
    Receive,
    Check,
    Write,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Check => "receive, crc",
            Self::Write => "receive, crc, write",
        }
    }
}

fn produce(size: usize, total: usize, work: Work, path: &str) -> Outcome {
    let count = total / size;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let client = thread::spawn(move || -> Outcome {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let (batch, mut answer) = (vec![7; size], ANSWER);
        for number in 0..count + DEPTH {
            if number < count {
                stream.write_all(&batch)?;
            }
            if number >= DEPTH {
                stream.read_exact(&mut answer)?;
            }
        }
        Ok(())
    });
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut file = File::create(path)?;
    let (mut batch, mut crc, mut written, mut reserved) = (vec![0; size], 0, 0_u64, 0_u64);
    let (cpu, began) = (cpu_seconds()?, Instant::now());
    for _ in 0..count {
        stream.read_exact(&mut batch)?;
        if work >= Work::Check {
            crc ^= crc32c(&batch);
        }
        if work >= Work::Write {
            while written + batch.len() as u64 > reserved {
                fallocate(&file, FallocateFlags::KEEP_SIZE, reserved, AHEAD_BYTES)?;
                reserved += AHEAD_BYTES;
            }
            file.write_all(&batch)?;
            written += batch.len() as u64;
        }
        stream.write_all(&ANSWER)?;
    }
    let cpu = cpu_seconds()? - cpu;
    let took = began.elapsed().as_secs_f64();
    join(client)?;
    let gb = (count * size) as f64 / 1e9;
    println!(
        r#"{{"case":"{}","batch_bytes":{size},"cpu_s_per_gb":{:.3},"us_per_request":{:.1},"gb_per_s":{:.2},"crc":{crc}}}"#,
        work.name(),
        cpu / gb,
        cpu / count as f64 * 1e6,
        gb / took,
    );
    Ok(())
}

/// Sends what the last case wrote, again and again up to `total`.
fn send(total: usize, path: &str) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let client = thread::spawn(move || -> Outcome {
        let mut stream = TcpStream::connect(address)?;
        let mut chunk = vec![0; 1 << 20];
        while stream.read(&mut chunk)? > 0 {}
        Ok(())
    });
    let (stream, _) = listener.accept()?;
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let (cpu, began, mut sent) = (cpu_seconds()?, Instant::now(), 0);
    let mut offset = 0;
    while sent < total {
        let count = sendfile(stream.as_fd(), file.as_fd(), Some(&mut offset), SLICE_BYTES)?;
        sent += count;
        if count == 0 || offset >= length {
            offset = 0;
        }
    }
    let cpu = cpu_seconds()? - cpu;
    drop(stream);
    join(client)?;
    let gb = sent as f64 / 1e9;
    println!(
        r#"{{"case":"sendfile","batch_bytes":{SLICE_BYTES},"cpu_s_per_gb":{:.3},"us_per_request":{:.1},"gb_per_s":{:.2}}}"#,
        cpu / gb,
        cpu / (sent / SLICE_BYTES) as f64 * 1e6,
        gb / began.elapsed().as_secs_f64(),
    );
    Ok(())
}

fn join(client: thread::JoinHandle<Outcome>) -> Outcome {
    client.join().map_err(|_| "the client thread panicked")?
}

/// CPU time of this thread, from the scheduler's own account.
fn cpu_seconds() -> Outcome<f64> {
    let account = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: u64 = account.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos as f64 / 1e9)
}
