// Creates batches over one directory, and walks all of them page by page.
const { LlamaCloud } = require('@llamaindex/llama-cloud');
globalThis.File ??= require('node:buffer').File; // Node 18 has it, but not as a global
const { readFileSync } = require('node:fs');

async function main() {
  const client = new LlamaCloud({ baseURL: process.env.LLAMA_CLOUD_BASE_URL });
  const directory = await client.beta.directories.create({ name: 'typescript' });
  const file = new File([readFileSync(process.argv[2])], 'one.md');
  await client.beta.directories.files.upload(directory.id, { upload_file: file });
  const job = { type: 'parse_v2', configuration_id: 'cfg-PARSE_FAST' };
  const made = [];
  for (let number = 0; number < 3; number += 1) {
    const batch = await client.batches.create({
      source_directory_id: directory.id,
      config: { job },
    });
    made.push(batch.id);
  }
  let batch = await client.batches.get(made[0], { expand: ['results'] });
  while (!['COMPLETED', 'FAILED', 'CANCELLED'].includes(batch.status)) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    batch = await client.batches.get(made[0], { expand: ['results'] });
  }
  const parsed = await client.parsing.get(batch.results[0].job_reference.id, {
    expand: ['markdown'],
  });
  const listed = [];
  for await (const one of client.batches.list({ source_directory_id: directory.id, page_size: 1 })) {
    listed.push(one.id);
  }
  process.stdout.write(
    JSON.stringify({ made, listed, status: batch.status, markdown: parsed.markdown.pages[0].markdown }),
  );
}

main().catch((error) => {
  process.stderr.write(String(error.stack));
  process.exitCode = 1;
});
