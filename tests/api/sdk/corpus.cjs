// A folder through v2 with the TypeScript client; lists are walked page by page.
const { LlamaCloud } = require('@llamaindex/llama-cloud');
globalThis.File ??= require('node:buffer').File; // Node 18 has it, but not as a global
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const ENDED = ['COMPLETED', 'FAILED', 'CANCELLED'];

async function collected(pages) {
  const found = [];
  for await (const row of pages) found.push(row);
  return found;
}

async function main() {
  const client = new LlamaCloud({ baseURL: process.env.LLAMA_CLOUD_BASE_URL });
  const directory = await client.beta.directories.create({ name: 'corpus, TypeScript' });
  const folder = process.argv[2];
  for (const name of readdirSync(folder).sort()) {
    const file = new File([readFileSync(join(folder, name))], name);
    const entry = { upload_file: file, unique_id: name, display_name: name };
    await client.beta.directories.files.upload(directory.id, entry);
  }
  const configuration = await client.configurations.create({
    name: 'TypeScript',
    parameters: {
      product_type: 'parse_v2',
      tier: 'cost_effective',
      version: 'latest',
      disable_cache: true,
    },
  });
  let batch = await client.batches.create({
    source_directory_id: directory.id,
    config: { job: { type: 'parse_v2', configuration_id: configuration.id } },
  });
  while (!ENDED.includes(batch.status)) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    batch = await client.batches.get(batch.id, { expand: ['results'] });
  }
  const entries = await collected(client.beta.directories.files.list(directory.id, { page_size: 10 }));
  const names = new Map(entries.map((entry) => [entry.id, entry.display_name]));
  const files = {};
  for (const result of batch.results) {
    const id = result.job_reference.id;
    const answer = await client.parsing.get(id, { expand: ['markdown'] });
    const pages = answer.markdown?.pages.filter((page) => page.success);
    files[names.get(result.source_directory_file_id)] = {
      status: answer.job.status,
      error: answer.job.error_message ?? null,
      markdown: pages?.map((page) => page.markdown) ?? null,
    };
  }
  const listed = await collected(client.batches.list({ source_directory_id: directory.id }));
  if (listed.length !== 1 || listed[0].id !== batch.id) throw new Error('not listed');
  process.stdout.write(JSON.stringify({ status: batch.status, files }));
}

main().catch((error) => {
  process.stderr.write(String(error.stack));
  process.exitCode = 1;
});
