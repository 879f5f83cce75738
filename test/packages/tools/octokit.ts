import { Octokit } from '@octokit/rest'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Reads the issues of a repository and comments on one.',
  parameters: z.object({ baseUrl: z.string() }),
  async execute({ baseUrl }) {
    const octokit = new Octokit({ baseUrl, userAgent: 'probe' })
    const issues = await octokit.paginate(octokit.rest.issues.listForRepo, { owner: 'acme', repo: 'shop', per_page: 2 })
    const { data } = await octokit.rest.issues.createComment({
      owner: 'acme',
      repo: 'shop',
      issue_number: 1,
      body: 'hé',
    })
    const missing = await octokit.rest.repos
      .get({ owner: 'acme', repo: 'none' })
      .catch((error: { status: number }) => error.status)
    return { issues: issues.map(({ number, title }) => [number, title]), comment: data.body, missing }
  },
})
