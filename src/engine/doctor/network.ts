/** Checks tokens, servers and the clock. */
import { formatDuration } from '../../base/text.ts';
import { createClient } from '../../download/http/client.ts';
import { type DownloadSettings, downloadSettings } from '../../download/http/settings.ts';
import { good, type HealthFinding, warn } from './finding.ts';

/** Seconds to wait for a server, and seconds by which the clock may be wrong before certificates are refused. */
const PATIENCE = 6;
const CLOCK_OFF = 300;

interface Server {
  readonly id: string;
  readonly url: string;
  /** What the server is needed for, in words. */
  readonly use: string;
}

interface Answer extends Server {
  readonly reached: boolean;
  readonly why: string;
  /** Seconds by which the clock here is ahead of the server's. */
  readonly ahead: number | undefined;
}

export async function examineNetwork(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<readonly HealthFinding[]> {
  const settings = downloadSettings(env, { tries: 1, connectTimeout: PATIENCE });
  if (settings.offline)
    return [tokens(settings), good('network', 'Network', 'offline, as VISIONTRAIN_OFFLINE or HF_HUB_OFFLINE says')];
  const answers = await askAll(servers(settings, env), settings, env, signal);
  return [tokens(settings), ...reachable(answers), ...clock(answers)];
}

/** Whether tokens are set; their values are never shown. */
function tokens({ hubToken, civitaiToken }: DownloadSettings): HealthFinding {
  const tokenWords = (name: string, token: string | undefined) =>
    `${name}: ${token === undefined ? 'none' : 'present'}`;
  const text = `${tokenWords('Hugging Face', hubToken)} · ${tokenWords('Civitai', civitaiToken)}`;
  const none = hubToken === undefined && civitaiToken === undefined;
  return good('tokens', 'Tokens', none ? `${text}; only models behind a login need one` : text);
}

function servers(settings: DownloadSettings, env: NodeJS.ProcessEnv): readonly Server[] {
  const index = env.PIP_INDEX_URL || env.UV_DEFAULT_INDEX || env.UV_INDEX_URL || 'https://pypi.org/simple/';
  return [
    { id: 'hub', url: settings.hub, use: 'base models' },
    { id: 'civitai', url: settings.civitai, use: 'models of Civitai' },
    { id: 'index', url: index, use: 'Python packages' },
  ].filter(({ url }) => URL.canParse(url));
}

async function askAll(
  all: readonly Server[],
  settings: DownloadSettings,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  const client = createClient(settings, env);
  const ask = async (server: Server): Promise<Answer> => {
    let date: string | undefined;
    let status = 0;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE * 1000)]);
    const onHead = (head: {
      readonly status: number;
      readonly headers: Readonly<Record<string, string | undefined>>;
    }) => {
      status = head.status;
      date = head.headers.date;
    };
    try {
      const url = withoutLogin(server.url);
      await client.send(
        { method: 'HEAD', url, token: undefined, signal: limit, stayHere: true },
        { onHead, onData: () => false },
      );
    } catch (error) {
      signal.throwIfAborted();
      const why = limit.aborted ? `no answer within ${PATIENCE} s` : (error as Error).message;
      if (status === 0) return { ...server, reached: false, why, ahead: undefined };
    }
    const ahead = date === undefined ? undefined : (Date.now() - Date.parse(date)) / 1000;
    // Any answer shows that the server is there: a mirror may refuse a request without a file's name.
    return { ...server, reached: true, why: '', ahead };
  };
  try {
    return await Promise.all(all.map(ask));
  } finally {
    await client.close();
  }
}

function withoutLogin(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href;
}

function reachable(answers: readonly Answer[]): HealthFinding[] {
  const host = ({ url }: Server) => new URL(url).host;
  const reached = answers.filter((a) => a.reached);
  const lost = answers.filter((a) => !a.reached);
  const findings = lost.map((a) =>
    warn(`network-${a.id}`, 'Network', `${host(a)} (${a.use}) cannot be reached: ${a.why}`, ...cures(a)),
  );
  if (reached.length === 0) return findings;
  return [
    good('network', 'Network', `${reached.map(host).join(', ')} ${reached.length === 1 ? 'answers' : 'answer'}`),
    ...findings,
  ];
}

function cures({ id }: Answer): string[] {
  if (id === 'index')
    return ['Behind a mirror: export PIP_INDEX_URL=…; without a network: visiontrain setup --wheels DIR'];
  if (id === 'hub') return ['Behind a proxy: export HTTPS_PROXY=http://host:port; with a mirror: export HF_ENDPOINT=…'];
  return [];
}

function clock(answers: readonly Answer[]): HealthFinding[] {
  const clocks = answers.flatMap(({ ahead }) => ahead ?? []).sort((a, b) => a - b);
  const ahead = clocks[Math.floor(clocks.length / 2)];
  if (ahead === undefined) return [];
  if (Math.abs(ahead) <= CLOCK_OFF) return [good('clock', 'Clock', 'agrees with the servers')];
  const text = `${formatDuration(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the servers: certificates may be refused`;
  return [warn('clock', 'Clock', text, 'sudo timedatectl set-ntp true')];
}
